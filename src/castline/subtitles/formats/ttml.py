"""TTML and its profiles (DFXP, IMSC): timed paragraphs in XML; read only.

Speakers are agents: declared in the head with a name, referred to by `ttm:agent` on a paragraph, a
span inside it, or anything around it. Times may be clock times, frames, ticks or offsets, and are
relative to the element around. XML is parsed by defusedxml, so entities cannot blow up.
"""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from castline.errors import InputError
from castline.subtitles.base import Draft, Format, Kind, Losses, Part
from castline.subtitles.conventions import interpret, kind_of, plain_cue
from castline.subtitles.xml import attribute, local_name, parse_xml
from castline.timing import seconds_to_ms

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

__all__ = ["TtmlFormat", "TtmlReading"]

_CLOCK = re.compile(r"(\d{2,9}):(\d\d):(\d\d)(?:(\.\d{1,12})|:(\d{2,4})(?:\.(\d{1,4}))?)?\Z")
_OFFSET = re.compile(r"(\d{1,15}(?:\.\d{1,12})?)(h|m|s|ms|f|t)\Z")
_ROLES: dict[str, Kind] = {
    "sound": "sound",
    "x-sound": "sound",
    "music": "song",
    "lyrics": "song",
    "x-lyrics": "song",
    "text": "sign",
}


@dataclasses.dataclass(frozen=True, slots=True)
class TtmlReading:
    """How to read TTML.

    Attributes:
        conventions: Take names, dashes, sounds and songs out of texts that name no agent.
    """

    conventions: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class _Clock:
    """What frames and ticks mean in a file."""

    frame_rate: Fraction
    sub_frames: int
    tick_rate: Fraction

    def read(self, text: str) -> Fraction:
        """A time expression in seconds; raises ValueError for any other text."""
        if found := _CLOCK.match(text):
            hours, minutes, seconds, fraction, frames, sub_frames = found.groups()
            whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
            if frames is None:
                return whole + Fraction(f"0{fraction or ''}")
            part = int(frames) + Fraction(int(sub_frames or 0), self.sub_frames)
            return whole + part / self.frame_rate
        if found := _OFFSET.match(text):
            amount = Fraction(found[1])
            scale = {
                "h": Fraction(3600),
                "m": Fraction(60),
                "s": Fraction(1),
                "ms": Fraction(1, 1000),
                "f": 1 / self.frame_rate,
                "t": 1 / self.tick_rate,
            }
            return amount * scale[found[2]]
        raise ValueError(f"{text[:40]!r} is no time")


@dataclasses.dataclass(frozen=True, slots=True)
class _Around:
    """What an element inherits from those around it."""

    begin: Fraction = Fraction(0)
    end: Fraction | None = None
    timed: bool = False
    agents: tuple[str, ...] = ()
    kind: Kind | None = None
    preserve: bool = False


class TtmlFormat(Format):
    """TTML, DFXP and IMSC files (`.ttml`, `.dfxp`)."""

    name = "ttml"
    title = "TTML / DFXP / IMSC"
    suffixes = (".ttml", ".dfxp", ".imsc", ".itt")
    writes = False
    reading = TtmlReading
    loses = Losses(notes=("Read only; styles and regions are not kept.",))

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        return bool(re.search(rb"<(?:\w{1,20}:)?tt[\s>]", head.replace(b"\x00", b"")))

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:
        root, draft.encoding = parse_xml(data, name)
        if local_name(root) != "tt":
            raise InputError(name, f"the root element is <{local_name(root)[:40]}>, expected <tt>.")
        draft.language = attribute(root, "lang") or None
        clock = _clock(root, draft)
        names = _agents(root)
        for element in root.iter():
            if local_name(element) == "title" and draft.title is None:
                draft.title = (element.text or "").strip() or None
        body = next((child for child in root if local_name(child) == "body"), None)
        if body is None:
            return
        reader = _Reader(clock, names, draft, options.conventions)
        reader.walk(body, _Around(preserve=attribute(root, "space") == "preserve"))


class _Reader:
    def __init__(
        self, clock: _Clock, names: dict[str, str], draft: Draft, conventions: bool
    ) -> None:
        self.clock, self.names, self.draft, self.conventions = clock, names, draft, conventions
        self.count = 0

    def walk(self, top: Element, around: _Around) -> None:
        """Read all paragraphs below an element; without recursion, for files nested absurdly."""
        waiting = [(top, around)]
        while waiting:
            element, around = waiting.pop()
            try:
                inside = self.inside(element, around)
            except ValueError as error:
                self.draft.problem(local_name(element), f"{error}; left out")
                continue
            if local_name(element) == "p":
                self.count += 1
                self.paragraph(element, inside)
            else:
                waiting += [(child, inside) for child in reversed(list(element))]

    def inside(self, element: Element, around: _Around) -> _Around:
        """What holds within an element: its own attributes over those around it."""
        begin, end = around.begin, around.end
        first, last, length = (attribute(element, key) for key in ("begin", "end", "dur"))
        if first:
            begin = around.begin + self.clock.read(first)
        if length:
            end = begin + self.clock.read(length)
        if last:
            stop = around.begin + self.clock.read(last)
            end = min(end, stop) if length and end is not None else stop
        agents = (attribute(element, "agent") or "").split()
        roles = (attribute(element, "role") or "").split()
        space = attribute(element, "space")
        return _Around(
            begin,
            end,
            around.timed or bool(first or last or length),
            tuple(dict.fromkeys(self.names.get(agent, agent) for agent in agents)) or around.agents,
            next((_ROLES[role] for role in roles if role in _ROLES), around.kind),
            around.preserve if space is None else space == "preserve",
        )

    def paragraph(self, element: Element, inside: _Around) -> None:
        """A paragraph is a cue, or one for each span when the times stand on the spans."""
        place = f"paragraph {self.count}"
        spans = [child for child in element if local_name(child) == "span"]
        if any(attribute(span, key) for span in spans for key in ("begin", "end", "dur")):
            for span in spans:
                try:
                    self.cue(place, span, self.inside(span, inside))
                except ValueError as error:
                    self.draft.problem(place, f"{error}; left out")
            return
        self.cue(place, element, inside)

    def cue(self, place: str, element: Element, inside: _Around) -> None:
        if not inside.timed or inside.end is None:
            self.draft.problem(place, "has no end; left out")
            return
        pieces: list[tuple[tuple[str, ...], str]] = []
        for agents, words in self.runs(element, inside):
            if pieces and pieces[-1][0] == agents:
                pieces[-1] = (agents, pieces[-1][1] + words)
            else:
                pieces.append((agents, words))
        tidy = _tidy_kept if inside.preserve else _tidy
        spoken = [(agents, tidy(words)) for agents, words in pieces]
        spoken = [(agents, words) for agents, words in spoken if words]
        text = "\n".join(words for _, words in spoken)
        if len(spoken) < 2:
            text = tidy("".join(words for _, words in pieces))
        speakers = tuple(dict.fromkeys(name for agents, _ in spoken for name in agents))
        facts: dict[str, Any] = {"speakers": speakers or inside.agents, "kind": kind_of(text)}
        if len(spoken) > 1:
            parts = tuple(Part(" & ".join(agents) or None, words) for agents, words in spoken)
            facts["parts"] = parts
            facts["speakers"] = tuple(dict.fromkeys(p.speaker for p in parts if p.speaker))
        if not facts["speakers"] and self.conventions:
            voices = interpret(text)
            text, facts = voices.text, plain_cue(voices)
        if inside.kind:
            facts["kind"] = inside.kind
        facts["identifier"] = attribute(element, "id")
        start, end = seconds_to_ms(inside.begin), seconds_to_ms(inside.end)
        self.draft.add(place, start, end, text, **facts)

    def runs(self, element: Element, around: _Around) -> Iterator[tuple[tuple[str, ...], str]]:
        """The words inside an element in order, each with who speaks them."""
        # (element, what holds in it) to open, or (None, tail) to say once it is closed.
        waiting: list[tuple[Element | None, _Around, str]] = [(element, around, "")]
        while waiting:
            node, inside, said = waiting.pop()
            if node is None:
                yield inside.agents, said
                continue
            kind = local_name(node)
            if kind in ("metadata", "set", "rt", "rp") and node is not element:
                continue
            if kind == "br":
                yield inside.agents, "\n" if inside.preserve else "\u2028"
                continue
            yield inside.agents, node.text or ""
            for child in reversed(list(node)):
                waiting.append((None, inside, child.tail or ""))
                try:
                    waiting.append((child, self.inside(child, inside), ""))
                except ValueError:
                    waiting.append((child, inside, ""))


def _tidy(words: str) -> str:
    """Collapse blanks as XML does by default; U+2028 stands for `<br/>` meanwhile."""
    lines = (" ".join(line.split()) for line in words.split("\u2028"))
    return "\n".join(lines).strip()


def _tidy_kept(words: str) -> str:
    return words.strip()


def _clock(root: Element, draft: Draft) -> _Clock:
    rate = _positive(attribute(root, "frameRate"))
    multiplier = (attribute(root, "frameRateMultiplier") or "1 1").replace(":", " ").split()
    numbers = [_positive(part) for part in multiplier]
    scale = Fraction(1)
    if len(numbers) == 2 and numbers[0] and numbers[1]:
        scale = Fraction(numbers[0], numbers[1])
    sub_frames = _positive(attribute(root, "subFrameRate")) or 1
    ticks = _positive(attribute(root, "tickRate"))
    frame_rate = Fraction(rate or 30) * scale
    tick_rate = Fraction(ticks) if ticks else (frame_rate * sub_frames if rate else Fraction(1))
    if (attribute(root, "dropMode") or "nonDrop") != "nonDrop":
        draft.problem("", "the file counts drop frames; its frame times may be off by seconds")
    return _Clock(frame_rate, sub_frames, tick_rate)


def _positive(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,12}", text) and int(text) else None


def _agents(root: Element) -> dict[str, str]:
    """Agent id to name: the full one if there is one, else the first."""
    names: dict[str, str] = {}
    for element in root.iter():
        if local_name(element) != "agent":
            continue
        key = attribute(element, "id")
        given = [
            (attribute(child, "type") or "", " ".join("".join(child.itertext()).split()))
            for child in element
            if local_name(child) == "name"
        ]
        full = next((name for kind, name in given if kind == "full" and name), None)
        name = full or next((name for _, name in given if name), None)
        if key and name:
            names[key] = name
    return names
