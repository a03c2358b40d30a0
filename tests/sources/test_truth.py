from __future__ import annotations

from pathlib import Path

import pytest

from castline.errors import UnknownName
from castline.project import Project
from castline.sources.recipe import import_captions
from castline.sources.truth import import_truth, truth_frame
from castline.subtitles.base import Cue, Document
from castline.tables.catalog import table
from castline.tables.schema import build_frame, check_frame


def lines(*spans: tuple[int, int], kind: str = "speech"):  # type: ignore[no-untyped-def]
    columns = {
        "line": [f"e-{n}" for n in range(len(spans))],
        "number": list(range(len(spans))),
        "start_ms": [a for a, _ in spans],
        "end_ms": [b for _, b in spans],
        "text": ["words"] * len(spans),
        "kind": [kind] * len(spans),
    }
    return build_frame(table("lines"), columns, episode="e", source="test")


def turns(*rows: tuple[int, int, str]) -> Document:
    return Document(cues=tuple(Cue(a, b, "", speakers=(who,)) for a, b, who in rows))


def test_each_line_gets_the_speaker_of_the_turn_it_shares_most_time_with() -> None:
    frame = truth_frame(
        lines((1000, 3000), (2500, 4200)), turns((1100, 2800, "Ann"), (2600, 4000, "Bo")), "e"
    )
    check_frame(table("truth"), frame, "test")
    assert frame["speaker"].to_list() == ["Ann", "Bo"]


def test_a_line_that_no_turn_fits_is_unknown() -> None:
    frame = truth_frame(lines((1000, 3000), (9000, 9500)), turns((1000, 3000, "Ann")), "e")
    assert frame["unknown"].to_list() == [False, True]


def test_sounds_have_no_speaker() -> None:
    assert truth_frame(lines((0, 1000), kind="sound"), turns((0, 1000, "Ann")), "e").height == 0


def test_without_turns_every_line_is_unknown() -> None:
    assert truth_frame(lines((0, 1000)), turns(), "e")["unknown"].to_list() == [True]


def test_truth_is_read_from_a_file_and_read_again_only_when_it_changed(tmp_path: Path) -> None:
    captions = tmp_path / "pilot.srt"
    captions.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello.\n")
    project, _ = import_captions([captions], tmp_path / "p")
    rttm = tmp_path / "truth.rttm"
    rttm.write_text("SPEAKER pilot 1 1.000 0.900 <NA> <NA> Ann <NA> <NA>\n")
    assert list(import_truth(project, {"pilot": rttm}).made) == ["truth pilot"]
    assert project.store.read("truth", "pilot")["speaker"].to_list() == ["Ann"]
    assert import_truth(Project.open(tmp_path / "p"), {"pilot": rttm}).fresh == ["truth pilot"]


def test_truth_of_an_episode_that_is_not_there_is_refused(tmp_path: Path) -> None:
    captions = tmp_path / "pilot.srt"
    captions.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello.\n")
    project, _ = import_captions([captions], tmp_path / "p")
    with pytest.raises(UnknownName, match="pilot"):
        import_truth(project, {"pilto": captions})
