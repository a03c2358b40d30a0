"""Labels written to tables and read back are what the method gave."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl

from castline.attribution.base import UNSURE
from castline.attribution.labels_unit import labelled
from castline.attribution.propagation import METHOD, PropagationParams
from castline.attribution.reading import attribution_of
from castline.attribution.series import PROTOCOLS, load_series
from castline.project import Project
from castline.testing.series import make_series, write_series


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
