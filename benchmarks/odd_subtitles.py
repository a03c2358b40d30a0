"""Odd caption files from the wild: what is expected of a reader, and what came."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from castline import subtitles
from castline.errors import InputError
from castline.subtitles import Cue, Document
from common import SHARED, write_results

FOLDER = SHARED / "media" / "odd_subtitles"
OPTIONS: dict[str, dict[str, Any]] = {"microdvd_sdh.sub": {"fps": 25}}

ARGUED = {
    "no_milliseconds.srt": "times in whole seconds say what is meant, so the cue is kept and the "
    "flaw is reported, which the expectation allows",
}
"""Where what came is not the first thing expected, and why."""


def main() -> None:
    """Read every file and write the table."""
    if not FOLDER.is_dir():
        sys.exit(f"{FOLDER} is not there: this benchmark needs the odd files beside us")
    expected = json.loads((FOLDER / "expectations.json").read_text("utf-8"))
    rows = [_row(FOLDER / name, facts) for name, facts in sorted(expected.items())]
    right = sum(row[-1].startswith("right") for row in rows)
    header = ["file", "expected", "what came", "verdict"]
    write_results("odd_subtitles", header, rows, right=right)


def _row(path: Path, facts: dict[str, Any]) -> list[str]:
    wanted = facts["error"] or _summary(facts["format"], facts["encoding"], facts["cues"])
    options = OPTIONS.get(path.name, {})
    try:
        document = subtitles.read(path, **options)
    except InputError as error:
        came, wrong = f"refused: {_cell(error.problem)}", [] if facts["error"] else ["error"]
    else:
        encoding = f"{document.encoding}{' (guessed)' if document.encoding_guessed else ''}"
        came = _summary(document.format, encoding, len(document.cues))
        came += "".join(f"; given: {name}={value}" for name, value in options.items())
        reported = [str(each) for each in document.problems if "encoding" not in each.message]
        came += "".join(f"; reported: {_cell(each)}" for each in reported)
        wrong = ["error"] if facts["error"] else _differences(document, facts)
    if wrong and path.name in ARGUED:
        verdict = f"differs: {ARGUED[path.name]}"
    else:
        verdict = f"wrong: {', '.join(wrong)}" if wrong else "right"
    return [f"`{path.name}`", _cell(wanted), came, verdict]


def _summary(format: str, encoding: str, cues: int) -> str:
    return f"{format}, {encoding}, {cues} {'cue' if cues == 1 else 'cues'}"


def _cell(text: str) -> str:
    """A text that fits into a cell of a Markdown table."""
    flat = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return flat if len(flat) <= 120 else flat[:119] + "…"


def _differences(document: Document, facts: dict[str, Any]) -> list[str]:
    """The fields of the expectation that were not met."""
    cues = document.cues
    spoken = [cue for cue in cues if cue.kind == "speech"]
    met = {
        "format": document.format == facts["format"],
        "encoding": document.encoding == facts["encoding"],
        "cues": len(cues) == facts["cues"],
        "names": list(document.speakers) == facts["names"],
        "not names": not set(document.speakers) & set(facts.get("not_names", ())),
        "first": _is(cues[0], facts.get("first")),
        "last": _is(cues[-1], facts.get("last")),
        "first in time": _is(cues[0], facts.get("first_in_time")),
        "first in file": _is(spoken[0] if spoken else cues[0], facts.get("first_in_file")),
        "speakers": "speakers" not in facts
        or [list(cue.speakers) for cue in spoken] == [[who] for who in facts["speakers"]],
        "cues one by one": all(
            _has(cues[int(number) - 1], each) for number, each in facts.get("per_cue", {}).items()
        ),
        "problems": sum("overlap" in each for each in facts.get("problems", ()))
        <= len(document.overlaps())
        and sum("overlap" not in each for each in facts.get("problems", ()))
        <= len(document.problems),
    }
    return [field for field, holds in met.items() if not holds]


def _is(cue: Cue, facts: dict[str, Any] | None) -> bool:
    """Whether a cue has the words, times and speaker that are expected."""
    if facts is None:
        return True
    start = facts.get("start", facts.get("start_at_25fps"))
    end = facts.get("end", facts.get("end_at_25fps"))
    return (
        cue.text == facts["text"]
        and start in (None, cue.start_ms / 1000)
        and end in (None, cue.end_ms / 1000)
        and (
            "speaker" not in facts
            or list(cue.speakers) == [facts["speaker"]] * bool(facts["speaker"])
        )
    )


def _has(cue: Cue, facts: dict[str, Any]) -> bool:
    """Whether single facts of a cue are met."""
    found = {
        "voices": cue.voices,
        "kind": cue.kind,
        "speaker": cue.speakers[0] if cue.speakers else None,
        "manner": cue.manner,
        "speakers": list(cue.speakers),
    }
    return all(found[key] == value for key, value in facts.items() if key != "note")


if __name__ == "__main__":
    main()
