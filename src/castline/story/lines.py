"""From the captions of a file to the lines of an episode, and to the labels that they name.

Every cue becomes a line that keeps its place in the file as its id, whatever else is left out:
what people note about line 42 stays with line 42. What is odd about a line is noted, not repaired:

`two voices`
    The cue holds several voices (dashes, or several named parts).
`odd duration`
    Shorter than its words can be said, or shown much longer (`odd_duration`).
`credits`
    It names who made the subtitles or the film, or advertises; such a line is a `sign`.
`title`
    It is the heading of an episode or chapter. It stays what it is, for some are read aloud.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from castline.errors import SettingsError
from castline.tables.catalog import IMPORTED, UNKNOWN, table
from castline.tables.schema import build_frame
from castline.timing import format_clock, parse_clock

if TYPE_CHECKING:
    import polars as pl

    from castline.subtitles.base import Cue, Document

__all__ = [
    "TWO_VOICES",
    "Span",
    "is_credit",
    "lines_frame",
    "named_labels",
    "odd_duration",
    "overcrowded",
    "parse_spans",
]

TWO_VOICES = "two voices"
"""Note of a line that holds several voices."""

Span = tuple[int, int]
"""Start and end in milliseconds, half-open."""

_FASTEST = 30
"""Letters a second that nobody exceeds: 350 words a minute, or ten Chinese syllables a second."""
_SLOWEST = 4
"""Letters a second of somebody who searches for words."""
_LINGER_MS = 4000
"""How long a caption may stay after its words."""
_PER_MINUTE = 150
"""Lines of speech in a minute that no film has; fast dialogue has 40."""

_CREDIT_LINE = re.compile(
    r"""^\W*(?:
    (?:sub(?:title)?s?|captions?|captioning|transcript|transcription|translation|timing|sync|resync
      |encod(?:ed|ing)|synced|(?:re)?synchroni[sz]ed|corrected|corrections|ripped|translated
      |captioned|subtitled|transcribed|downloaded|adapted|edited|(?:re-?)?uploaded
      |written|directed|produced|created)
     (?:\s+(?:and|&)\s+\w+)?\s*(?:by\b|from\b|:|：)
    |captioning\s+(?:made\s+possible|sponsored)
    |(?:字幕[组組社]?|翻译|翻譯|校对|校對|校订|时间轴|時間軸|压制|壓制|听译|聽譯|后期|後期|监制|監製|总监|總監|导演|導演|编剧|編劇)
     \s*[:：]
    |本?(?:字幕|影片)由
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_CREDIT_ANYWHERE = re.compile(
    r"https?://|\bwww\.\w|\bopensubtitles\b|\baddic7ed\b|\bsubscene\b|\S@\S+\.\w{2}"
    r"|字幕[组組社]|仅供学习|僅供學習",
    re.IGNORECASE,
)
_BARE_ADDRESS = re.compile(r"\W*[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|tv|cn|info|ru)\W*", re.I)

_TITLE = re.compile(
    r"""\W*(?:(?:episode|chapter|part|season|act)\s+(?:\d+|[ivxlc]+|one|two|three|four|five|six
      |seven|eight|nine|ten|eleven|twelve)\b(?:\s*[:.–—-].{0,60})?
    |第\s*[0-9０-９一二三四五六七八九十百零〇两]+\s*[集章季回部话話](?:\s.{0,20})?)\W*""",
    re.IGNORECASE | re.VERBOSE,
)


def lines_frame(document: Document, episode: str, *, left_out: Sequence[Span] = ()) -> pl.DataFrame:
    """The lines of an episode.

    Args:
        document: Its captions.
        episode: Its id; line ids begin with it.
        left_out: Spans (opening titles, credits): a line whose middle lies in one is left out.

    Returns:
        Table `lines`, in order of time.
    """
    kept = _kept(document, left_out)
    credit = [_is_credit_cue(cue) for _, cue in kept]
    return build_frame(
        table("lines"),
        {
            "line": [_line_id(episode, number) for number, _ in kept],
            "number": [number for number, _ in kept],
            "start_ms": [cue.start_ms for _, cue in kept],
            "end_ms": [cue.end_ms for _, cue in kept],
            "text": [cue.text for _, cue in kept],
            "kind": [
                "sign" if sign else cue.kind for sign, (_, cue) in zip(credit, kept, strict=True)
            ],
            "notes": [_notes(cue, sign) for sign, (_, cue) in zip(credit, kept, strict=True)],
        },
        episode=episode,
        source=document.format,
    )


def named_labels(
    document: Document, episode: str, *, left_out: Sequence[Span] = ()
) -> pl.DataFrame:
    """Who speaks each line, as far as the captions name anybody.

    Args:
        document: The captions.
        episode: The id of the episode.
        left_out: As for `lines_frame`.

    Returns:
        Table `labels`: one row a line and speaker; a line that names nobody is `unknown`.
    """
    rows = [
        (_line_id(episode, number), speaker, cue.confidence)
        for number, cue in _kept(document, left_out)
        for speaker in dict.fromkeys((not _is_credit_cue(cue) and cue.speakers) or (UNKNOWN,))
    ]
    return build_frame(
        table("labels"),
        {
            "line": [row[0] for row in rows],
            "character": [row[1] for row in rows],
            "pass": [0] * len(rows),
            "status": ["abstained" if row[1] == UNKNOWN else "settled" for row in rows],
            "reasons": [["named in the file"] if row[1] != UNKNOWN else [] for row in rows],
            "confidence": [row[2] for row in rows],
        },
        episode=episode,
        method=IMPORTED,
        source=document.format,
    )


def parse_spans(texts: Iterable[str], where: str) -> tuple[Span, ...]:
    """Read what a user marked to be left out.

    >>> parse_spans(["0:00:00-0:01:30"], "castline.toml, leave_out")
    ((0, 90000),)

    Args:
        texts: Spans of the form `START-END`, each time `[H:]MM:SS[.mmm]`.
        where: What to call the place in a message.

    Raises:
        SettingsError: A text is no span, or one that ends before it starts.
    """
    spans = []
    for text in texts:
        parts = str(text).replace("–", "-").split("-")
        try:
            start, end = (parse_clock(part) for part in parts)
        except ValueError as error:
            raise SettingsError(
                f"{where}: {text!r} is no span of time: write START-END, such as '0:00:00-0:01:30'."
            ) from error
        if end <= start:
            raise SettingsError(f"{where}: the span {text!r} does not end after its start.")
        spans.append((start, end))
    return tuple(spans)


def odd_duration(text: str, duration_ms: int) -> bool:
    """Whether words cannot take as long as their caption is shown.

    Letters and digits count one, characters of scripts that write syllables or words (Chinese,
    Japanese, Korean) three. Too short is less than a thirtieth of a second a letter; too long is
    more than four seconds plus a quarter of a second a letter.

    >>> odd_duration("Yes.", 400), odd_duration("I told you yesterday, twice!", 500)
    (False, True)
    >>> odd_duration("你昨天晚上到底去哪里了", 900), odd_duration("走", 9000)
    (True, True)

    Args:
        text: The words, without formatting tags.
        duration_ms: How long they are shown.
    """
    letters = sum(
        3 if unicodedata.east_asian_width(char) == "W" else 1 for char in text if char.isalnum()
    )
    shortest = 1000 * letters / _FASTEST
    longest = _LINGER_MS + 1000 * letters / _SLOWEST
    return not shortest <= duration_ms <= longest


def is_credit(text: str) -> bool:
    """Whether a text names who made the film or its subtitles, or advertises.

    >>> is_credit("Subtitles by Anna"), is_credit("Downloaded From www.AllSubs.org")
    (True, True)
    >>> is_credit("A letter written by my mother."), is_credit("翻译：张三")
    (False, True)
    """
    return bool(
        _CREDIT_LINE.match(text)
        or _CREDIT_ANYWHERE.search(text)
        or any(_BARE_ADDRESS.fullmatch(line) for line in text.split("\n"))
    )


def overcrowded(document: Document) -> str | None:
    """A warning when more lines begin in one minute than anybody can say; None when all is well."""
    starts = sorted(cue.start_ms for cue in document.cues if cue.kind == "speech")
    most, since, first = 0, 0, 0
    for last, start in enumerate(starts):
        while start - starts[first] >= 60_000:
            first += 1
        if last - first + 1 > most:
            most, since = last - first + 1, starts[first]
    if most <= _PER_MINUTE:
        return None
    return (
        f"{most:,} lines of speech begin in the minute from {format_clock(since, decimals=0)}: "
        "more than can be said. Are the times of this file damaged?"
    )


def _kept(document: Document, left_out: Sequence[Span]) -> list[tuple[int, Cue]]:
    def inside(cue: Cue) -> bool:
        middle = (cue.start_ms + cue.end_ms) // 2
        return any(start <= middle < end for start, end in left_out)

    return [(number, cue) for number, cue in enumerate(document.cues) if not inside(cue)]


def _line_id(episode: str, number: int) -> str:
    return f"{episode}-{number + 1:05d}"


def _is_credit_cue(cue: Cue) -> bool:
    if cue.speakers:  # whoever is named says it aloud, unless the name is a trade: "字幕组：…"
        return any(_CREDIT_LINE.match(f"{speaker}:") for speaker in cue.speakers)
    return cue.kind in ("speech", "sign") and is_credit(cue.spoken)


def _notes(cue: Cue, credit: bool) -> list[str]:
    spoken = cue.spoken
    found = {
        TWO_VOICES: cue.voices > 1,
        "odd duration": cue.kind == "speech"
        and not credit
        and odd_duration(spoken, cue.end_ms - cue.start_ms),
        "credits": credit,
        "title": bool(_TITLE.fullmatch(spoken)),
    }
    return [note for note, holds in found.items() if holds]
