"""Who is seen and heard around a line, and what happens."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from castline.agents.tools import ToolError
from castline.project import Project
from tests.serving.conftest import CAPTIONS, LINE, SOUND, Ask


def test_who_is_seen_during_a_line_has_a_face_in_it(kept_told: Project, ask: Ask) -> None:
    store = kept_told.store
    faces = store.read("faces", "0001").join(store.read("face_names", "0001"), on="face")
    (line,) = store.read("lines", "0001").filter(line=LINE).iter_rows(named=True)
    inside = faces.filter(
        (pl.col("end_ms") >= line["start_ms"]) & (pl.col("start_ms") <= line["end_ms"])
    )
    seen = ask("who_is_seen", line=LINE)["seen"]

    assert {each.get("name") for each in seen if each["during"]} == set(inside["character"])
    assert all(each["size"] > 0 for each in seen)


def test_a_scene_is_told_in_one_row_each(ask: Ask) -> None:
    answer = ask("scene", line=LINE)

    assert answer["seen"] == CAPTIONS["clip"].replace("\n", " ")
    assert answer["happens"] == CAPTIONS["section"]
    assert (answer["brief"], answer["title"]) == (CAPTIONS["brief"], CAPTIONS["title"])


def test_a_scene_that_nobody_described_says_so(ask: Ask) -> None:
    assert ask("scene", line="0002-00001") == {"line": "0002-00001", "described": False}


def test_the_voice_of_somebody_with_one_line_is_as_alike_as_the_cosine(
    kept_told: Project, ask: Ask
) -> None:
    frame = pl.concat(kept_told.store.read("voices", each) for each in kept_told.episodes())
    voice = dict(zip(frame["line"], frame["embedding"].to_numpy(), strict=True))
    lines = ask("find_lines", character="Osei, Kofi")["lines"]
    assert len(lines) == 1
    here, there = voice[LINE], voice[lines[0]["line"]]
    cosine = here @ there / np.linalg.norm(here) / np.linalg.norm(there)
    voices = {each["name"]: each for each in ask("voices_alike", line=LINE)["voices"]}

    assert voices["Osei, Kofi"]["similarity"] == pytest.approx(cosine, abs=1e-3)
    assert voices["Osei, Kofi"]["lines"] == 1


def test_the_most_alike_voice_comes_first_and_candidates_are_marked(ask: Ask) -> None:
    voices = ask("voices_alike", line=LINE)["voices"]
    likeness = [each["similarity"] for each in voices]
    rivals = {each["name"] for each in ask("who_speaks", line=LINE)["rivals"]}

    assert likeness == sorted(likeness, reverse=True)
    assert rivals < {each["name"] for each in voices if each["candidate"]}
    assert any(not each["candidate"] for each in voices)


def test_the_relations_around_a_line_are_those_of_its_likely_speakers(ask: Ask) -> None:
    answer = ask("relations", line=LINE)

    assert answer["relations"]
    assert {each["person"] for each in answer["relations"]} <= set(answer["candidates"])


def test_a_sound_has_no_speaker_and_no_voice(ask: Ask) -> None:
    answer = ask("who_speaks", line=SOUND)

    assert (answer["speakers"], answer["status"]) == ([], "unlabelled")
    with pytest.raises(ToolError, match="is a sound: nobody says it"):
        ask("voices_alike", line=SOUND)
