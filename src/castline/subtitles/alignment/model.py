"""What an alignment is made of. All times are integer milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from castline.subtitles.base import Cue

__all__ = [
    "Alignment",
    "Anchor",
    "Piece",
    "PlacedLine",
    "Spoken",
    "State",
    "Uncovered",
    "Verdict",
]

Verdict = Literal["accepted", "review", "refused"]
State = Literal["anchored", "interpolated", "extrapolated", "absent"]


class Spoken(Protocol):
    """A recognised word, or a few words, with its times on the media clock."""

    @property
    def start_ms(self) -> int:
        """Start, from the start of the media."""
        ...

    @property
    def end_ms(self) -> int:
        """End."""
        ...

    @property
    def text(self) -> str:
        """What was recognised."""
        ...


@dataclass(frozen=True, slots=True)
class Anchor:
    """A line of the subtitles that was found in the sound.

    Attributes:
        line: Which of the cues that were given.
        subtitle_ms: Where it, or the part that was found, starts by the subtitles.
        media_ms: Where the same starts in the media.
        subtitle_length_ms: How long that part is by the subtitles.
        media_length_ms: How long it is in the media.
        at_start: The line's first word was found; otherwise `subtitle_ms` is an estimate.
        at_end: The line's last word was found.
        tokens: How many words (characters in scripts without spaces) agree; 0 for speech activity.
        piece: The piece that it belongs to.
        residual_ms: `media_ms` minus where the piece puts `subtitle_ms`.
    """

    line: int
    subtitle_ms: int
    media_ms: int
    subtitle_length_ms: int
    media_length_ms: int
    at_start: bool
    at_end: bool
    tokens: int
    piece: int = 0
    residual_ms: int = 0

    @property
    def start_discrepancy_ms(self) -> int:
        """Start by the subtitles minus start in the media, before anything is mended."""
        return self.subtitle_ms - self.media_ms

    @property
    def duration_discrepancy_ms(self) -> int:
        """Length by the subtitles minus length in the media, before anything is mended."""
        return self.subtitle_length_ms - self.media_length_ms


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the subtitles that runs along with the media: `media = scale * t + offset`.

    Attributes:
        from_ms: Its start, on the clock of the subtitles.
        to_ms: Its end, exclusive.
        scale: Media time for each unit of subtitle time.
        offset_ms: Where subtitle time zero would be in the media.
        anchors: How many anchors it rests on.
    """

    from_ms: int
    to_ms: int
    scale: float
    offset_ms: int
    anchors: int

    def media_ms(self, subtitle_ms: float) -> float:
        """The time in the media of a time in the subtitles."""
        return self.scale * subtitle_ms + self.offset_ms


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """Where a line went.

    Attributes:
        state: `anchored`: found in the sound. `interpolated`: between anchors of its piece.
            `extrapolated`: before the first or after the last. `absent`: not in this media.
        confidence: 0 to 1, from the fit of its piece and the distance to the nearest anchor; 0
            for absent lines.
        cue: The cue with new times; None when absent.
    """

    state: State
    confidence: float
    cue: Cue | None


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Speech without a subtitle: an advertisement, an added scene, lines that are missing.

    Attributes:
        start_ms: Start in the media.
        end_ms: End.
        text: What was recognised there; empty without a recogniser.
    """

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """The outcome.

    Attributes:
        verdict: `accepted`; `review`: probably right, a person should look; `refused`.
        reason: The rule that decided, with its number, as a sentence.
        evidence: What the anchors are: recognised `words`, or speech `activity` alone, which says
            nothing about the text.
        pieces: In order of subtitle time; empty when nothing could be fitted.
        lines: One for each cue that was given, in the same order; all absent when refused.
        anchors: In order of subtitle time; also those of a refused fit, for the plot.
        uncovered: In order of time; empty when refused.
        warnings: What else a user should know, as sentences.
    """

    verdict: Verdict
    reason: str
    evidence: Literal["words", "activity"]
    pieces: tuple[Piece, ...] = ()
    lines: tuple[PlacedLine, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def cues(self) -> tuple[Cue, ...]:
        """The cues with new times, in order of time, without the absent ones."""
        placed = [line.cue for line in self.lines if line.cue is not None]
        return tuple(sorted(placed, key=lambda cue: (cue.start_ms, cue.end_ms)))
