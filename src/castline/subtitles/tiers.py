"""One row per speaker and time: the shape of EAF, TextGrid, RTTM and ASS.

These formats cannot hold two voices in one entry. A cue is spread over its speakers on writing, and
entries that share span and words are one cue with several speakers on reading.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from castline.subtitles.base import Cue

__all__ = ["Entry", "Tier", "gather", "spread", "tiers_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What one speaker says in one cue; times in milliseconds."""

    start_ms: int
    end_ms: int
    speaker: str | None
    text: str
    cue: Cue


@dataclasses.dataclass(slots=True)
class Tier:
    """Entries of one speaker that do not overlap, in order of time.

    Attributes:
        speaker: The name; None for lines of which nobody knows who speaks.
        number: 1 for the first tier of a speaker, 2 for what overlaps it, and so on.
        entries: At least one.
    """

    speaker: str | None
    number: int
    entries: list[Entry]


def spread(cues: Iterable[Cue], *, shortest_ms: int = 0) -> list[Entry]:
    """An entry for each speaker of each cue, in order of the cues.

    Args:
        cues: In any order.
        shortest_ms: Cues shorter than this are lengthened to it, for formats that forbid them.
    """
    entries = []
    for cue in cues:
        end = max(cue.end_ms, cue.start_ms + shortest_ms)
        voices: list[tuple[str | None, str]] = [(name, cue.text) for name in cue.speakers]
        if any(part.speaker for part in cue.parts):
            voices = [(part.speaker, part.text) for part in cue.parts]
        for speaker, text in voices or [(None, cue.text)]:
            entries.append(Entry(cue.start_ms, end, speaker, text, cue))
    return entries


def tiers_of(cues: Iterable[Cue], *, shortest_ms: int = 1) -> list[Tier]:
    """Spread cues over tiers in which nothing overlaps, speakers in order of first appearance.

    A speaker's overlapping cues go to a second tier of the same speaker. O(entries x tiers of the
    speaker), and a speaker rarely needs more than two.
    """
    by_speaker: dict[str | None, list[Tier]] = {}
    for entry in sorted(spread(cues, shortest_ms=shortest_ms), key=lambda entry: entry.start_ms):
        tiers = by_speaker.setdefault(entry.speaker, [])
        for tier in tiers:
            if tier.entries[-1].end_ms <= entry.start_ms:
                tier.entries.append(entry)
                break
        else:
            tiers.append(Tier(entry.speaker, len(tiers) + 1, [entry]))
    return [tier for tiers in by_speaker.values() for tier in tiers]


def gather(cues: Iterable[Cue]) -> list[Cue]:
    """Make one cue of those that agree in all but the speaker, in order of start.

    A speaker who is there twice, and an unknown one, stay cues of their own.
    """
    found: dict[Cue, Cue] = {}
    done: list[Cue] = []
    for cue in cues:
        key = dataclasses.replace(cue, speakers=())
        before = found.get(key)
        if before is None or not cue.speakers or set(cue.speakers) & set(before.speakers):
            if before is not None:
                done.append(before)
            found[key] = cue
        elif not before.speakers:
            done.append(cue)
        else:
            found[key] = dataclasses.replace(before, speakers=before.speakers + cue.speakers)
    return sorted([*done, *found.values()], key=lambda cue: cue.start_ms)
