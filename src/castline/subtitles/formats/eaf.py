"""ELAN annotation files: a tier for each speaker, dependent tiers for what else is known.

`PARTICIPANT` holds the name as it is; the tier's id is the name, made unique. ELAN allows no
overlap inside a tier and pympi does not check, so a speaker's overlapping cues go to a second tier
of the same participant. Lines of which nobody knows who speaks stand on a tier `unknown` without
participant. Under a tier `Anna`, `kind@Anna`, `manner@Anna`, `line@Anna` and `confidence@Anna` hold
one value for each annotation that has one.

pympi writes. Reading goes through defusedxml instead, since pympi parses whatever entities a file
declares and stops at the first attribute it misses.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from castline.errors import InputError, MissingExtra
from castline.subtitles.base import KINDS, Cue, Document, Draft, Format, Losses
from castline.subtitles.tiers import Entry, Tier, gather, tiers_of
from castline.subtitles.xml import attribute, legal_text, local_name, parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["EafFormat", "EafReading"]

_UNKNOWN = "unknown"
_NOTES = ("kind", "manner", "line", "confidence")
_NOTE_TYPE = "castline-note"


@dataclasses.dataclass(frozen=True, slots=True)
class EafReading:
    """How to read EAF.

    Attributes:
        tiers: Ids of the tiers to take; empty takes all that stand on their own.
    """

    tiers: tuple[str, ...] = ()


class EafFormat(Format):
    """ELAN files (`.eaf`)."""

    name = "eaf"
    title = "ELAN EAF"
    suffixes = (".eaf",)
    extra = "eaf"
    reading = EafReading
    loses = Losses(
        aspects=frozenset({"parts", "zero_length", "title", "language"}),
        notes=(
            "A cue of several voices becomes one annotation a voice; those of the same span and "
            "words come back as one cue with several speakers.",
            "A cue without length is made 1 ms long, for ELAN has no such annotations.",
        ),
    )

    def sniff(self, head: bytes) -> bool:  # noqa: D102 - as in Format
        return b"<ANNOTATION_DOCUMENT" in head

    def _decode(self, data: bytes, name: str, draft: Draft, options: Any) -> None:
        root, draft.encoding = parse_xml(data, name)
        if local_name(root) != "ANNOTATION_DOCUMENT":
            raise InputError(
                name, f"the root element is <{local_name(root)[:40]}>, not <ANNOTATION_DOCUMENT>."
            )
        slots = _slots(root, draft)
        notes = _notes(root)
        tiers = [tier for tier in root if local_name(tier) == "TIER"]
        known = [tier.get("TIER_ID", "") for tier in tiers]
        for wanted in options.tiers:
            if wanted not in known:
                raise InputError(name, f"no tier is called {wanted!r}; there are {known[:20]}.")
        cues: list[Cue] = []
        for tier in tiers:
            label = tier.get("TIER_ID", "")
            if options.tiers and label not in options.tiers:
                continue
            if not options.tiers and tier.get("PARENT_REF"):
                continue
            cues += _tier_cues(tier, slots, notes, draft)
        draft.cues[:] = gather(sorted(cues, key=lambda cue: cue.start_ms))

    def _encode(self, document: Document, options: Any) -> bytes:  # noqa: ARG002
        eaf, to_string = _library()
        # The clock would make the same document give other bytes each time.
        eaf.adocument["DATE"] = "1970-01-01T00:00:00Z"
        eaf.remove_tier("default")
        eaf.add_linguistic_type(_NOTE_TYPE, "Symbolic_Association", timealignable=False)
        taken: set[str] = set()
        for tier in tiers_of(document.cues):
            _write_tier(eaf, tier, taken)
        text: str = to_string(eaf, pretty=True)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _library() -> tuple[Any, Any]:
    try:
        from pympi.Elan import Eaf, to_string
    except ImportError as error:
        raise MissingExtra("Writing EAF", package="pympi-ling", extra="eaf") from error
    return Eaf(author="castline"), to_string


def _write_tier(eaf: Any, tier: Tier, taken: set[str]) -> None:
    label = _tier_id(tier, taken)
    eaf.add_tier(label, part=legal_text(tier.speaker or ""))
    made: list[tuple[str, Entry]] = []
    for entry in tier.entries:
        eaf.add_annotation(label, entry.start_ms, entry.end_ms, legal_text(entry.text))
        made.append((f"a{eaf.maxaid}", entry))
    for note in _NOTES:
        values = [(key, value) for key, entry in made if (value := _note_of(entry.cue, note))]
        if not values:
            continue
        child = f"{note}@{label}"
        eaf.add_tier(child, ling=_NOTE_TYPE, parent=label)
        for key, value in values:
            # add_ref_annotation looks its parent up by time, which is ambiguous where two meet.
            identity = eaf.generate_annotation_id()
            eaf.annotations[identity] = child
            eaf.tiers[child][1][identity] = (key, legal_text(value), None, None)


def _tier_id(tier: Tier, taken: set[str]) -> str:
    name = legal_text(tier.speaker) if tier.speaker is not None else _UNKNOWN
    base = " ".join(name.split()) or "speaker"
    if tier.speaker is not None and base == _UNKNOWN:
        base = f"{base} (a name)"
    if base.partition("@")[0] in _NOTES:
        base = f"speaker {base}"
    label, number = base, 1
    while label in taken:
        number += 1
        label = f"{base} {number}"
    taken.add(label)
    return label


def _note_of(cue: Cue, note: str) -> str:
    if note == "kind":
        return "" if cue.kind == "speech" else cue.kind
    if note == "confidence":
        return "" if cue.confidence is None else repr(float(cue.confidence))
    return (cue.manner if note == "manner" else cue.identifier) or ""


def _slots(root: Element, draft: Draft) -> dict[str, int]:
    slots = {}
    for slot in root.iter("TIME_SLOT"):
        key, value = slot.get("TIME_SLOT_ID"), slot.get("TIME_VALUE")
        if key and value is not None:
            if value.isascii() and value.isdigit() and len(value) < 18:
                slots[key] = int(value)
            else:
                draft.problem(f"time slot {key}", f"{value[:40]!r} is no time in milliseconds")
    return slots


def _notes(root: Element) -> dict[str, dict[str, str]]:
    """What our dependent tiers say of each annotation: annotation id to note to value."""
    notes: dict[str, dict[str, str]] = {}
    for tier in root.iter("TIER"):
        note = tier.get("TIER_ID", "").partition("@")[0]
        if tier.get("LINGUISTIC_TYPE_REF") == _NOTE_TYPE and note in _NOTES:
            for annotation in tier.iter("REF_ANNOTATION"):
                key = annotation.get("ANNOTATION_REF", "")
                notes.setdefault(key, {})[note] = annotation.findtext("ANNOTATION_VALUE") or ""
    return notes


def _tier_cues(
    tier: Element, slots: dict[str, int], notes: dict[str, dict[str, str]], draft: Draft
) -> list[Cue]:
    label = tier.get("TIER_ID", "")
    speaker: str | None = attribute(tier, "PARTICIPANT") or label
    if re.fullmatch(rf"{_UNKNOWN}(?: \d+)?", label) and not attribute(tier, "PARTICIPANT"):
        speaker = None
    made = Draft()
    for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
        key = annotation.get("ANNOTATION_ID", "")
        place = f"tier {label}, annotation {key}"
        start = slots.get(annotation.get("TIME_SLOT_REF1", ""))
        end = slots.get(annotation.get("TIME_SLOT_REF2", ""))
        if start is None or end is None:
            made.problem(place, "has no time of its own; left out")
            continue
        if start == end:
            made.problem(place, "has no length, which ELAN does not allow; kept")
        facts = _facts(notes.get(key, {}), place, made)
        text = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
        names = (speaker,) if speaker else ()
        made.add(place, start, end, text, speakers=names, **facts)
    draft.problems += made.problems
    return made.cues


def _facts(notes: dict[str, str], place: str, draft: Draft) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "manner": notes.get("manner") or None,
        "identifier": notes.get("line") or None,
    }
    if notes.get("kind") in KINDS:
        facts["kind"] = notes["kind"]
    if value := notes.get("confidence"):
        try:
            confidence = float(value)
        except ValueError:
            confidence = -1.0
        if 0 <= confidence <= 1:
            facts["confidence"] = confidence
        else:
            draft.problem(place, f"the confidence {value[:20]!r} is none; left out")
    return facts
