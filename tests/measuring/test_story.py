"""The story of a film that was measured by real engines, told by a scripted model."""

from __future__ import annotations

import pytest

from castline.agents.traces import read_traces
from castline.story.evidence import caption_at, read_captions
from castline.story.recipe import Models, tell_story
from castline.testing.scripted import start_scripted, stats_of

from .conftest import Copied

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("script", ["story", "messy-json"])
def test_a_measured_film_is_told(measured: Copied, script: str) -> None:
    project = measured()
    with start_scripted(script) as endpoint:
        tell_story(project, Models([endpoint]))
        assert stats_of(endpoint).repeated == 0
    captions = read_captions(project.store, "episode")
    lines = project.store.read("lines", "episode")
    duration = project.store.read("media", "episode")["duration_ms"][0]
    assert captions.filter(kind="clip")["end_ms"].max() == duration
    for start, end in lines.select("start_ms", "end_ms").iter_rows():
        assert caption_at(captions, start, end)
        assert caption_at(captions, start, end, "title")


def test_a_model_is_told_whom_the_engines_recognised(measured: Copied) -> None:
    project = measured()
    with start_scripted("story") as endpoint:
        tell_story(project, Models([endpoint]), steps=["captions"])
    told = [
        each.messages[1]
        for each in read_traces(project.folder / "traces" / "captions-episode.jsonl")
    ]
    assert any("- Amara\n" in said.text and "- Tobin\n" in said.text for said in told)
    assert all("- Ferryman" not in said.text for said in told)
    assert sum(len(said.pictures) for said in told) >= 7
