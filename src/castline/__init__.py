"""Castline: who is on screen, who says each line, and how sure that is."""

from castline._version import __version__

__all__ = ["__version__"]
