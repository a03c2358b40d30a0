"""What a model that knows the truth makes of The Long Night, by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from castline.attribution.labels import read_labels, summarise_asked
from castline.project import Project
from castline.report.evaluation import evaluate_variant
from castline.sources.recipe import import_dramasr
from tests.attribution.reasoning.models import case_of

_DATA = Path(__file__).parents[4] / "shared" / "data" / "dramasr"
_ARCHIVE = _DATA / "chen_mo_de_zhen_xiang.tar.xz"
_VARIANT = "reasoning-propagation-released"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _ARCHIVE.exists(), reason=f"the released series is not at {_ARCHIVE}"),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The series, and its truth beside it."""
    folder = tmp_path_factory.mktemp("long-night")
    with tarfile.open(_ARCHIVE) as archive:
        if hasattr(tarfile, "data_filter"):  # from Python 3.11.4 on
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)
    made, _ = import_dramasr(folder / "chen_mo_de_zhen_xiang", folder / "project")
    speakers = {str(row): name for row, name in enumerate(case_of(made).truth)}
    (folder / "truth.json").write_text(json.dumps(speakers), encoding="utf-8")
    return made


def _reason(project: Project, *settings: str) -> tuple[float, dict[str, Any]]:
    """Percent right by code-s, and what was asked."""
    truth = project.folder.parent / "truth.json"
    words = ["attribute", str(project.folder), "--method", "reasoning", "--base", "propagation"]
    words += ["--endpoint", f"scripted:oracle={truth}", *(f"--set={each}" for each in settings)]
    subprocess.run([sys.executable, "-m", "castline", *words], check=True, capture_output=True)
    right = evaluate_variant(project, _VARIANT).rules["code-s"].total.all.percent
    asked = summarise_asked(project, _VARIANT)
    assert right is not None
    assert asked is not None
    return right, asked


def test_a_fifth_of_the_lines_is_enough_for_the_figure_that_reasoning_must_reach(
    project: Project,
) -> None:
    right, asked = _reason(project)

    assert asked["percent"] <= 20
    assert right >= 93.9
    sent = project.store.read("asked", variant=_VARIANT)["line"].to_list()
    labels, base = (read_labels(project, each) for each in (_VARIANT, "propagation-released"))
    kept = ~pl.col("line").is_in(sent)
    assert labels.filter(kept)["character"].equals(base.filter(kept)["character"])

    once, _ = _reason(project, "passes=1")
    narrow, _ = _reason(project, "widen=0")
    assert once < right
    assert narrow < right
