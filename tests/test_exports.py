"""Exports and imports of caption files: speakers go out and come back."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import castline
from castline.attribution.labels import read_labels
from castline.errors import RunError, UsageError
from castline.pipeline.progress import Recorder
from castline.project import Project
from castline.tables.catalog import IMPORTED
from castline.testing.series import SyntheticSeries, write_series

VTT = """WEBVTT

00:00:01.000 --> 00:00:02.500
<v Ann, the First>Who is there?

00:00:03.000 --> 00:00:04.000
Nobody.

00:00:05.000 --> 00:00:06.000
<v 甄嬛>是我。
"""


def test_speakers_of_a_file_become_labels_and_a_cast(tmp_path: Path) -> None:
    (tmp_path / "one.vtt").write_text(VTT, encoding="utf-8")

    project, _ = castline.import_captions([tmp_path / "one.vtt"], tmp_path / "project")

    labels = read_labels(project, IMPORTED)
    assert labels["character"].to_list() == ["Ann, the First", "unknown", "甄嬛"]
    assert project.store.read("cast")["character"].to_list() == ["Ann, the First", "甄嬛"]
    assert project.episodes() == ["one"]


@pytest.mark.parametrize("format", ["vtt", "srt", "csv", "jsonl", "parquet"])
def test_a_file_converted_there_and_back_keeps_words_times_and_speakers(
    tmp_path: Path, format: str
) -> None:
    (tmp_path / "one.vtt").write_text(VTT, encoding="utf-8")
    project, _ = castline.import_captions([tmp_path / "one.vtt"], tmp_path / "project")
    lines = project.store.read("lines", "one").select("start_ms", "end_ms", "text")

    (there,) = castline.export(project, format=format, to=tmp_path / "there")
    back, _ = castline.import_captions([there], tmp_path / "back", format=format)

    again = back.store.read("lines", "one").select("start_ms", "end_ms", "text")
    assert again.equals(lines)
    assert read_labels(back, IMPORTED)["character"].to_list() == [
        "Ann, the First",
        "unknown",
        "甄嬛",
    ]


def test_episodes_keep_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    for name in ("zwei", "eins"):
        (tmp_path / f"{name}.vtt").write_text(VTT, encoding="utf-8")

    project, _ = castline.import_captions(
        [tmp_path / "zwei.vtt", tmp_path / "eins.vtt"], tmp_path / "project"
    )

    assert project.episodes() == ["zwei", "eins"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would both be episode 'one'"):
        castline.import_captions(
            [tmp_path / "a" / "one.vtt", tmp_path / "b" / "one.srt"], tmp_path / "project"
        )
    assert not (tmp_path / "project").exists()


def test_a_broken_file_is_reported_and_the_others_are_kept(tmp_path: Path) -> None:
    (tmp_path / "good.vtt").write_text(VTT, encoding="utf-8")
    (tmp_path / "bad.vtt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))

    with pytest.raises(RunError, match=r"bad\.vtt"):
        castline.import_captions([tmp_path / "bad.vtt", tmp_path / "good.vtt"], tmp_path / "p")

    assert Project.open(tmp_path / "p").episodes() == ["good"]


def test_a_guessed_encoding_is_said(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\n你好，世界。我们走吧，天色已经不早了。\n"
    (tmp_path / "one.srt").write_bytes(text.encode("gbk"))
    recorder = Recorder()

    project, _ = castline.import_captions(
        [tmp_path / "one.srt"], tmp_path / "project", reporter=recorder
    )

    assert "你好" in project.store.read("lines", "one")["text"][0]
    assert any("encoding" in warning for warning in recorder.warnings)


def test_every_line_of_a_series_is_in_the_captions(small: SyntheticSeries, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    write_series(project, small)
    castline.attribute(project)

    files = castline.export(project, format="jsonl", to=tmp_path / "out")

    back, _ = castline.import_captions(files, tmp_path / "back")
    lines = pl.concat([back.store.read("lines", each) for each in back.episodes()])
    assert lines["text"].to_list() == small.table("lines")["text"].to_list()


def test_an_export_with_something_to_lose_says_so(small: SyntheticSeries, tmp_path: Path) -> None:
    project = Project.create(tmp_path / "project")
    write_series(project, small)
    castline.attribute(project)
    recorder = Recorder()

    castline.export(project, format="rttm", to=tmp_path / "out", reporter=recorder)

    assert recorder.warnings == [
        "rttm does not keep everything; `castline formats` says what is lost"
    ]
