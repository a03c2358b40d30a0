"""`caption.json` of a release becomes captions of sections and clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from castline.story.evidence import caption_at, read_captions

from .conftest import bring_in


def caption(start: str, end: str, text: str) -> dict[str, str]:
    return {"start_timestamp": start, "end_timestamp": end, "description": text}


def section(episode: int, *clips: dict[str, str]) -> dict[str, Any]:
    brief = caption("00:00:00.000", "00:01:00", f"brief of {episode}")
    return {"episode_idx": episode, "brief_caption": brief, "detailed_caption_list": list(clips)}


def write(release: Path, *sections: Any) -> None:
    (release / "caption.json").write_bytes(msgspec.json.encode(sections))


def test_captions_are_imported_with_their_times(release: Path, tmp_path: Path) -> None:
    clips = [
        caption("00:00:01", "00:00:06.500", "she runs"),
        caption("00:00:06.500", "00:00:09", "he"),
    ]
    write(release, section(0, *clips), section(1))
    outcome = bring_in(release, tmp_path / "p")
    assert not outcome.failures
    captions = read_captions(outcome.project.store, "0001")
    assert captions.select("part", "kind", "start_ms", "end_ms", "text").rows() == [
        ("0001-x00001", "brief", 0, 60_000, "brief of 0"),
        ("0001-c00002", "clip", 1000, 6500, "she runs"),
        ("0001-c00003", "clip", 6500, 9000, "he"),
    ]
    assert caption_at(captions, 6000, 6600) == "she runs"
    assert read_captions(outcome.project.store, "0002")["text"].to_list() == ["brief of 1"]
    assert read_captions(outcome.project.store, "0003").height == 0


def test_captions_of_no_episode_or_of_no_time_are_left_out_with_a_warning(
    release: Path, tmp_path: Path
) -> None:
    write(release, section(0, caption("00:00:09", "00:00:01", "backwards")), section(90))
    outcome = bring_in(release, tmp_path / "p")
    captions = pl.concat(
        [read_captions(outcome.project.store, each) for each in outcome.project.episodes()]
    )
    assert captions["text"].to_list() == ["brief of 0"]
    assert any("2 captions" in each for each in outcome.warnings)


@pytest.mark.parametrize(
    "content",
    [b"[{", b'[{"episode_idx": 0}]', msgspec.json.encode([section(0, caption("x", "y", ""))])],
)
def test_broken_captions_fail_alone(release: Path, tmp_path: Path, content: bytes) -> None:
    (release / "caption.json").write_bytes(content)
    outcome = bring_in(release, tmp_path / "p")
    assert list(outcome.failures) == ["import-dramasr-captions series"]
    assert "caption.json" in outcome.failures["import-dramasr-captions series"]
    assert outcome.project.store.exists("lines", "0001")
