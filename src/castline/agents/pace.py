"""How fast a run goes and how long it will take, from its last minute."""

from __future__ import annotations

import time
from collections import deque

__all__ = ["Pace"]

_WINDOW_S = 60.0
_SAMPLE_S = 1.0


class Pace:
    """Counts steps.

    Attributes:
        done: Steps so far.
    """

    def __init__(self) -> None:
        self.done = 0
        self._samples = deque([(time.monotonic(), 0)])

    def step(self) -> None:
        """Count one."""
        self.done += 1
        now = time.monotonic()
        if now - self._samples[-1][0] >= _SAMPLE_S:
            self._samples.append((now, self.done))
            while now - self._samples[0][0] > _WINDOW_S:
                self._samples.popleft()

    def rate(self) -> float:
        """Steps a second, of late."""
        then, before = self._samples[0]
        return (self.done - before) / max(time.monotonic() - then, 1e-9)

    def text(self, total: int | None) -> str:
        """The rate, and the time left where the total is known: "12.5/s, 3 min left"."""
        rate = self.rate()
        said = f"{rate:.1f}/s"
        if total is None or rate <= 0:
            return said
        left = max(total - self.done, 0) / rate
        for unit, size in (("h", 3600), ("min", 60)):
            if left >= 2 * size:
                return f"{said}, {left / size:.0f} {unit} left"
        return f"{said}, {left:.0f} s left"
