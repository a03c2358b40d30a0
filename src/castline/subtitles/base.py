r"""What every caption or annotation format reads into and writes from.

A `Document` holds `Cue`s in order of time. What a cue says and who says it are kept apart:

`Cue.text`
    The words, with line breaks as `\n` and formatting tags (`<i>`, `{\an8}`, `<00:17.500>`) as
    the file has them, **without** what only names the speaker: `<v Anna>`, `ANNA:`, `[Anna]`.
    The dashes of unnamed voices stay, for without a name they are all there is.
`Cue.spoken`
    The same without formatting tags; for reading aloud, aligning, asking a model.
`Cue.parts`
    Who says what, when a cue holds several voices. When any of them is named, `text` is the
    texts of the parts, a line break between them.

So a name never has to be dug out of a text again once a file is read, the same cue can be written
in any format, and a file written back in its own format looks as it did.

A new format is one file: subclass `Format`, declare what it loses, fill in `_decode` and `_encode`,
run `castline.testing.formats.check_format` on it, register it.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar, get_args

from castline.errors import InputError, UnknownName, UsageError
from castline.files import read_bytes, write_atomically

__all__ = [
    "Aspect",
    "Cue",
    "Document",
    "Draft",
    "Format",
    "Kind",
    "Losses",
    "NoOptions",
    "Part",
    "Problem",
]

Kind = Literal["speech", "sound", "song", "sign"]
KINDS: tuple[str, ...] = get_args(Kind)

Aspect = Literal[
    "names",  # who speaks
    "unknown",  # that nobody knows who speaks, as different from a speaker called "unknown"
    "several",  # several speakers who say the same words together
    "parts",  # who says which words of a cue
    "text",
    "blank_lines",  # empty lines inside a text
    "kind",
    "manner",
    "identifier",
    "confidence",
    "overlaps",
    "zero_length",  # cues that end where they start
    "empty",  # a document without cues
    "title",
    "language",
]

LAST_MS = 2**53
"""Times beyond this (285 000 years) are damage, and would not survive a float or a JSON reader."""


class Part(NamedTuple):
    """What one voice of a cue says; `speaker` is None when nobody is named."""

    speaker: str | None
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Cue:
    """One caption: a span of time, words, and who speaks them.

    Attributes:
        start_ms: Start on the media clock, in milliseconds.
        end_ms: End, in milliseconds, exclusive; equal to the start in hidden captions.
        text: The words, see the module's text.
        speakers: Who speaks, in the order of the file; empty when nobody is named.
        kind: Speech, a sound ("(DOOR OPENS)"), a song, or a sign seen in the picture.
        manner: How it is said ("whispering"); None when the file does not say.
        parts: Who says what, when there are several voices; else empty.
        identifier: The line's own id in the file, where the format has such.
        confidence: How sure the attribution is, in [0, 1].

    Raises:
        ValueError: A time is negative, absurdly large or backwards, a name is empty, or the
            confidence lies outside [0, 1].
    """

    start_ms: int
    end_ms: int
    text: str
    speakers: tuple[str, ...] = ()
    kind: Kind = "speech"
    manner: str | None = None
    parts: tuple[Part, ...] = ()
    identifier: str | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        if self.start_ms < 0:
            raise ValueError(f"starts at {self.start_ms} ms, before zero")
        if self.end_ms < self.start_ms:
            raise ValueError(f"ends at {self.end_ms} ms, before its start at {self.start_ms} ms")
        if self.end_ms > LAST_MS:
            raise ValueError(f"ends at {self.end_ms} ms, which no film can mean")
        if not all(self.speakers) or any(part.speaker == "" for part in self.parts):
            raise ValueError("has a speaker with an empty name")
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise ValueError(f"has the confidence {self.confidence}, outside [0, 1]")

    @property
    def spoken(self) -> str:
        r"""The words without formatting tags.

        >>> Cue(0, 1, "{\\an8}<i>Harry</i>, <00:17.500>come in.").spoken
        'Harry, come in.'
        """
        from castline.subtitles.markup import strip_tags

        return strip_tags(self.text)

    @property
    def voices(self) -> int:
        """How many voices the cue is known to hold; at least one."""
        return max(1, len(self.parts), len(self.speakers))


class Problem(NamedTuple):
    """Something a reader had to put up with, or a writer could not keep."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """The captions of one episode, as one file holds them.

    Attributes:
        cues: In order of start; equal starts keep the order of the file.
        problems: What the reader had to put up with, for a person to look at.
        format: The format it was read from; empty when made by a program.
        encoding: The character encoding of the file; None for binary formats.
        encoding_guessed: The encoding was found by its likeness, not by a mark or by being UTF-8.
        title: The title in the file, if any.
        language: The language tag in the file, if any.
    """

    cues: tuple[Cue, ...] = ()
    problems: tuple[Problem, ...] = ()
    format: str = ""
    encoding: str | None = None
    encoding_guessed: bool = False
    title: str | None = None
    language: str | None = None

    @property
    def speakers(self) -> tuple[str, ...]:
        """All names, in order of first appearance."""
        return tuple(dict.fromkeys(name for cue in self.cues for name in cue.speakers))

    def overlaps(self) -> list[tuple[int, int, int]]:
        """Pairs of cues that share time, as (index, index, shared milliseconds).

        Overlaps are ordinary, so no reader calls them a problem. O(n + pairs).
        """
        found = []
        for one, cue in enumerate(self.cues):
            for other in range(one + 1, len(self.cues)):
                if self.cues[other].start_ms >= cue.end_ms:
                    break
                shared = min(cue.end_ms, self.cues[other].end_ms) - self.cues[other].start_ms
                if shared > 0:
                    found.append((one, other, shared))
        return found


@dataclasses.dataclass(frozen=True, slots=True)
class Losses:
    """What does not survive being written in a format and read back.

    Attributes:
        aspects: What is lost altogether.
        precision_ms: Times come back as multiples of this many milliseconds.
        notes: What else a user should know, one plain sentence each.
    """

    aspects: frozenset[Aspect] = frozenset()
    precision_ms: int = 1
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class NoOptions:
    """For formats that leave nothing to choose."""


@dataclasses.dataclass(slots=True)
class Draft:
    """A document while it is being read: collects cues and problems."""

    cues: list[Cue] = dataclasses.field(default_factory=list)
    problems: list[Problem] = dataclasses.field(default_factory=list)
    encoding: str | None = None
    encoding_guessed: bool = False
    title: str | None = None
    language: str | None = None

    def problem(self, place: str, message: str) -> None:
        """Note something for the user; reading goes on."""
        self.problems.append(Problem(place, message))

    def add(self, place: str, start_ms: int, end_ms: int, text: str, **facts: Any) -> None:
        """Add a cue; one that cannot be is left out and noted."""
        try:
            self.cues.append(Cue(start_ms, end_ms, text, **facts))
        except ValueError as error:
            self.problem(place, f"the cue {error}; left out")

    def finish(self, format_name: str) -> Document:
        """The document, in order of time."""
        ordered = sorted(self.cues, key=lambda cue: cue.start_ms)
        if ordered != self.cues:
            self.problem("", "the cues do not stand in order of time; sorted by start")
        return Document(
            cues=tuple(ordered),
            problems=tuple(self.problems),
            format=format_name,
            encoding=self.encoding,
            encoding_guessed=self.encoding_guessed,
            title=self.title,
            language=self.language,
        )


OptionsT = TypeVar("OptionsT")


def options_of(declared: type[OptionsT], given: Mapping[str, Any]) -> OptionsT:
    """Fill a format's options class; unknown names are errors with a suggestion.

    Raises:
        UnknownName: There is no such option.
    """
    known = [field.name for field in dataclasses.fields(declared)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise UnknownName("option", name, known)
    return declared(**given)


class Format(ABC):
    """One way of keeping captions in a file.

    Subclasses set the class attributes, and fill in `_decode` and, unless they only read,
    `_encode`. A format that keeps a folder of files sets `folder` and fills in `_read_folder` and
    `_write_folder` instead.

    Attributes:
        name: The name users give ("srt").
        title: The name in prose ("SubRip").
        suffixes: File name endings, lower case, with the dot; the first one is written.
        extra: The extra of Castline that brings what writing needs, or None.
        writes: Whether the format can be written.
        folder: Whether it is a folder rather than a file.
        loses: What does not survive a round trip; the table in the documentation is made from it.
        reading: A dataclass of the options that `decode` takes.
        writing: A dataclass of the options that `encode` takes.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    extra: ClassVar[str | None] = None
    writes: ClassVar[bool] = True
    folder: ClassVar[bool] = False
    loses: ClassVar[Losses] = Losses()
    reading: ClassVar[type[Any]] = NoOptions
    writing: ClassVar[type[Any]] = NoOptions

    @abstractmethod
    def sniff(self, head: bytes) -> bool:
        """Whether the first kilobytes of a file look like this format."""

    def decode(self, data: bytes, name: str, **options: Any) -> Document:
        """Read a file's content.

        Args:
            data: The bytes of the file.
            name: The file's name, for messages.
            **options: See `reading`.

        Raises:
            InputError: This is no such file, or it holds nothing usable. No other error.
            UnknownName: There is no such option.
        """
        chosen = options_of(self.reading, options)
        if self.folder:
            raise UsageError(f"The format {self.name!r} is a folder, not bytes: use read.")
        if not data:
            raise InputError(name, "the file is empty.", remedy="Fetch it again.")
        draft = Draft()
        self._decode(data, name, draft, chosen)
        return self._finish(draft, name)

    def encode(self, document: Document, **options: Any) -> bytes:
        """Write captions as the content of a file; the same document gives the same bytes.

        Raises:
            UsageError: The format can only be read.
            MissingExtra: A package that the format needs is not installed.
            UnknownName: There is no such option.
        """
        if not self.writes or self.folder:
            what = "a folder, not bytes: use write" if self.folder else "only read, never written"
            raise UsageError(f"The format {self.name!r} is {what}.")
        return self._encode(document, options_of(self.writing, options))

    def read(self, path: Path, **options: Any) -> Document:
        """Read a file, or a folder where the format is one; errors as in `decode`."""
        if not self.folder:
            return self.decode(read_bytes(path), str(path), **options)
        if not path.is_dir():
            raise InputError(path, f"a {self.title} is a folder; this is none.")
        draft = Draft()
        self._read_folder(path, draft, options_of(self.reading, options))
        return self._finish(draft, str(path))

    def write(self, document: Document, path: Path, **options: Any) -> None:
        """Write a file whole or not at all; folders are replaced. Errors as in `encode`."""
        if self.folder:
            self._write_folder(document, path, options_of(self.writing, options))
        else:
            write_atomically(path, self.encode(document, **options))

    def losses_in(self, document: Document) -> tuple[Problem, ...]:
        """What of this very document would be lost, in words; empty when nothing is."""
        lost = self.loses.aspects
        counted = {
            "a speaker": "names" in lost and _count(document, lambda cue: bool(cue.speakers)),
            "several voices": "parts" in lost
            and _count(document, lambda cue: any(part.speaker for part in cue.parts)),
            "a manner of speaking": "manner" in lost
            and _count(document, lambda cue: cue.manner is not None),
            "a kind other than speech": "kind" in lost
            and _count(document, lambda cue: cue.kind != "speech"),
            "an id": "identifier" in lost
            and _count(document, lambda cue: cue.identifier is not None),
            "a confidence": "confidence" in lost
            and _count(document, lambda cue: cue.confidence is not None),
            "words": "text" in lost and _count(document, lambda cue: bool(cue.text)),
            "no length": "zero_length" in lost
            and _count(document, lambda cue: cue.start_ms == cue.end_ms),
            f"times finer than {self.loses.precision_ms} ms": _count(document, self._too_fine),
        }
        return tuple(
            Problem(self.name, f"{count} cues have {what}, which {self.title} does not keep")
            for what, count in counted.items()
            if count
        )

    def _too_fine(self, cue: Cue) -> bool:
        return bool(cue.start_ms % self.loses.precision_ms or cue.end_ms % self.loses.precision_ms)

    def _finish(self, draft: Draft, name: str) -> Document:
        if not draft.cues and draft.problems:
            first = "; ".join(str(problem) for problem in draft.problems[:10])
            more = len(draft.problems) - 10
            raise InputError(
                name,
                f"no cue can be used: {first}" + (f"; and {more} more" if more > 0 else "") + ".",
                remedy=f"Is this a {self.title} file?",
            )
        return draft.finish(self.name)

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:
        raise NotImplementedError

    def _encode(self, document: Document, options: Any) -> bytes:
        raise NotImplementedError

    def _read_folder(self, path: Path, draft: Draft, options: Any) -> None:
        raise NotImplementedError

    def _write_folder(self, document: Document, path: Path, options: Any) -> None:
        raise NotImplementedError


def _count(document: Document, test: Any) -> int:
    return sum(1 for cue in document.cues if test(cue))


def as_utf8(lines: Iterable[str], *, end: str = "\n") -> bytes:
    """Join lines as UTF-8; half surrogate pairs, which no file can hold, become U+FFFD."""
    text = "".join(line + end for line in lines)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")
