"""Who came near a line since the labels of the base method were made."""

from __future__ import annotations

from castline.attribution.base import Attribution

__all__ = ["Newcomers"]


class Newcomers:
    """People of the cast who are near lines by today's labels and were not before.

    Args:
        before: The labels of the base method, as `rescore` scores them.
        today: Those of today, likewise.
        cast: Number of the cast.
    """

    def __init__(self, before: Attribution, today: Attribution, cast: int) -> None:
        self._before = before
        self._today = today
        self._cast = cast

    def of(self, row: int) -> tuple[int, ...]:
        """Codes of those who are new near a line, the most alike by voice first."""
        known = set(_near(self._before, row))
        return tuple(
            each for each in _near(self._today, row) if each < self._cast and each not in known
        )


def _near(scored: Attribution, row: int) -> list[int]:
    codes: list[int] = scored.candidate[scored.offsets[row] : scored.offsets[row + 1]].tolist()
    return codes
