"""Whether a fit is accepted, should be looked at, or is refused; always the rule and its number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from castline.subtitles.alignment.model import Anchor, Verdict

__all__ = ["STRONG", "judge_activity", "judge_words"]

_ENOUGH, _TOO_FEW = 60, 12
_COVERED, _UNCOVERED = 0.20, 0.08
_CLOSE_MS = 500
_STEADY, _WILD = 0.85, 0.5
_MEDIAN_MS, _WORST_MS = 200, 800
_DISORDER = 0.30
_PER_PIECE_MS = 6 * 60_000
_BLIND_MS = 8 * 60_000

STRONG = 7.0
"""A shift found by speech activity is believed when it stands out by so many standard deviations.
The best piece of 420 pairs of a film and the subtitles of another reached 6.1, most reach 4 to 5;
right ones of whole episodes 15 to 30."""
# Pieces that are believed must hold this share of the lines.
_MOSTLY = 0.8


def judge_words(
    *,
    anchors: Sequence[Anchor],
    lines: int,
    pieces: int,
    disordered: float,
    length_ms: int,
    blind_ms: int,
) -> tuple[Verdict, str]:
    """Judge a fit to recognised words.

    Args:
        anchors: With residuals.
        lines: How many lines of speech the subtitles hold.
        pieces: How many pieces were fitted.
        disordered: Share of the common runs of words that are not in the same order.
        length_ms: Media time from the first line to the last.
        blind_ms: The longest stretch of lines without an anchor.

    Returns:
        The verdict and the rule that decided.
    """
    found = len(anchors)
    covered = found / max(1, lines)
    few = max(3, min(_TOO_FEW, lines // 2))
    if found < few:
        return "refused", (
            f"only {found} of {lines} lines were found in the sound, fewer than {few}: "
            "another film, another language, or hardly anything was recognised"
        )
    if covered < _UNCOVERED:
        return "refused", (
            f"only {covered:.1%} of the lines were found in the sound, less than {_UNCOVERED:.0%}: "
            "another film or episode"
        )
    if disordered > _DISORDER:
        return "refused", (
            f"{disordered:.0%} of the common phrases come in another order, more than "
            f"{_DISORDER:.0%}: another film or episode"
        )
    off = np.abs([anchor.residual_ms for anchor in anchors])
    close = float(np.mean(off <= _CLOSE_MS))
    if close < _WILD:
        return "refused", (
            f"only {close:.0%} of the anchors lie within half a second of the fit, less than "
            f"{_WILD:.0%}: the times have nothing in common"
        )
    median, worst = float(np.median(off)), float(np.percentile(off, 95))
    allowed = 2 + length_ms / _PER_PIECE_MS
    doubts = [
        (found < _ENOUGH, f"only {found} lines were found in the sound, fewer than {_ENOUGH}"),
        (covered < _COVERED, f"only {covered:.0%} of the lines were found, less than "
         f"{_COVERED:.0%}"),
        (median > _MEDIAN_MS, f"anchors are {median:.0f} ms off in the median, more than "
         f"{_MEDIAN_MS}"),
        (worst > _WORST_MS, f"one anchor in twenty is {worst:.0f} ms off, more than {_WORST_MS}"),
        (close < _STEADY, f"{close:.0%} of the anchors lie within half a second, less than "
         f"{_STEADY:.0%}"),
        (pieces > allowed, f"{pieces} pieces, more than {allowed:.0f} for this length"),
        (blind_ms > _BLIND_MS, f"{blind_ms / 60_000:.0f} minutes of lines without an anchor, more "
         f"than {_BLIND_MS // 60_000}"),
    ]  # fmt: skip
    for doubted, why in doubts:
        if doubted:
            return "review", why
    return "accepted", (
        f"{covered:.0%} of the lines were found, {close:.1%} of them within half a second of the "
        f"fit, {median:.0f} ms off in the median"
    )


def judge_activity(strengths: Sequence[float], lines: Sequence[int]) -> tuple[Verdict, str]:
    """Judge a fit to speech activity.

    Args:
        strengths: Of each piece, by how many standard deviations its lines prefer its shift to
            others.
        lines: How many lines each piece holds.

    Returns:
        The verdict and the rule that decided.
    """
    strong = sum(
        count for strength, count in zip(strengths, lines, strict=True) if strength >= STRONG
    )
    share = strong / sum(lines)
    best = max(strengths)
    if not strong:
        return "refused", (
            f"no shift stands out: the best is {best:.1f} standard deviations above the others, "
            f"less than {STRONG:g}: another film, or too little to tell"
        )
    if share < _MOSTLY:
        return "refused", (
            f"only {share:.0%} of the lines lie in pieces whose shift stands out by {STRONG:g} "
            f"standard deviations, less than {_MOSTLY:.0%}"
        )
    weakest = min(strength for strength in strengths if strength >= STRONG)
    if share < 1:
        return "review", f"for {1 - share:.0%} of the lines no shift stands out"
    return "accepted", (
        f"the shift of every piece stands out by {weakest:.1f} standard deviations or more"
    )
