"""Labels written to tables and read back are what the method gave."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl

from castline.attribution.base import NOBODY, UNSURE, Attribution
from castline.attribution.labels_unit import labelled
from castline.attribution.propagation import METHOD, PropagationParams
from castline.attribution.reading import attribution_of
from castline.attribution.series import PROTOCOLS, load_series
from castline.project import Project
from castline.testing.series import make_series, write_series
from tests.attribution.test_mouths import ANN, BO, series


def test_labels_come_back_as_they_were_written_with_the_numbers_of_new_voices(
    tmp_path: Path,
) -> None:
    made = Project.create(tmp_path / "project")
    write_series(made, make_series(cast=4, lines=400, episodes=2, extras=0.4, width=32, seed=3))
    series = load_series(made.store, made.episodes(), PROTOCOLS["released"], {})
    found = METHOD.attribute(series, PropagationParams())
    assert found.voices_found > 10  # so that voice-10 could come before voice-2
    code = found.code.copy()
    code[np.flatnonzero(series.seeds < 0)[:3]] = UNSURE
    found = dataclasses.replace(found, code=code)

    frames = list(labelled(series, found, made.episodes(), "any", method="propagation"))
    tables = {
        name: pl.concat([frame for output, frame in frames if output.table == name])
        for name in ("labels", "candidates")
    }
    back = attribution_of(series, tables["labels"], tables["candidates"])

    assert np.array_equal(back.code, found.code)
    assert back.voices_found == found.code.max() - len(series.cast) + 1
    assert np.array_equal(back.offsets, found.offsets)
    assert np.array_equal(back.candidate, found.candidate)
    assert np.array_equal(back.score, found.score)
    assert back.confidence is None
    assert back.reasons == tuple(map(tuple, tables["labels"]["reasons"].to_list()))


def test_a_line_of_two_voices_gets_the_two_most_probable_speakers_and_the_first_counts() -> None:
    lines = series(5, mouths=None, seeds={3: ANN})
    chance = np.tile(np.array([0.6, 0.3, 0.1], np.float32), (5, 1))
    chance[4] = 0.93, 0.05, 0.02
    found = Attribution(
        code=np.array([ANN, ANN, BO, ANN, ANN], np.int32),
        voices_found=0,
        offsets=np.arange(0, 16, 3),
        candidate=np.tile(np.array([ANN, BO, NOBODY], np.int32), 5),
        score=chance.ravel(),
        confidence=chance[:, 0],
    )
    # All but the first are of two voices; but the third is decided against the probabilities, the
    # fourth is known, and of the last nobody else is probable.
    of_two = set(lines.lines[1:])

    frames = dict(labelled(lines, found, ["1"], "any", method="fusion", of_two=of_two))
    labels = next(frame for output, frame in frames.items() if output.table == "labels")
    candidates = next(frame for output, frame in frames.items() if output.table == "candidates")

    told = labels.select("line", "character", "confidence", "status").rows()
    names = [(line, who) for line, who, _, _ in told]
    one, two, *rest = lines.lines
    assert names[:3] == [(one, "Ann"), (two, "Ann"), (two, "Bo")]
    assert names[3:] == list(zip(rest, ["Bo", "Ann", "Ann"], strict=True))
    assert told[2][2:] == (np.float32(0.3), "doubtful")
    assert labels["reasons"][2].to_list() == ["the line holds two voices"]
    assert attribution_of(lines, labels, candidates).code.tolist() == found.code.tolist()
