"""How many processors there are for us."""

from __future__ import annotations

import os

__all__ = ["available_processors"]


def available_processors() -> int:
    """How many processors this process may use; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
