"""Attribution of a project: what is read, what is written, and how people's edits weigh in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import castline
from castline.attribution.fusion.model import SHIPPED
from castline.attribution.labels import choose_variant, read_labels
from castline.attribution.recipe import METHODS, stale_labels
from castline.attribution.series import PROTOCOLS, load_series
from castline.errors import InputError, TableError, UnknownName, UsageError
from castline.pipeline.progress import Recorder
from castline.project import Project
from castline.tables.catalog import OTHERS, UNKNOWN
from castline.testing.series import SyntheticSeries, make_series, write_series


@pytest.fixture
def project(small: SyntheticSeries, tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project")
    write_series(made, small)
    return made


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("method", METHODS.names())
def test_every_method_labels_every_line_once_under_every_protocol(
    project: Project, method: str, protocol: str
) -> None:
    variant, _ = castline.attribute(project, method=method, protocol=protocol)

    labels = read_labels(project, variant)
    lines = pl.concat([project.store.read("lines", each) for each in project.episodes()])
    assert labels["line"].to_list() == lines["line"].to_list()
    assert set(labels["method"]) == {method}
    candidates = pl.concat(
        [project.store.read("candidates", each, variant) for each in project.episodes()]
    )
    assert set(candidates["line"]) <= set(lines["line"])
    best = candidates.filter(pl.col("rank") == 1).select("line", pl.col("score").alias("best"))
    joined = candidates.join(best, on="line")
    assert (joined["score"] <= joined["best"]).all()


@pytest.mark.parametrize(
    ("method", "protocol"),
    [
        pytest.param(
            method,
            protocol,
            marks=() if (method, protocol) == ("fusion", "released") else pytest.mark.slow,
        )
        for method in METHODS.names()
        for protocol in PROTOCOLS
    ],
)
def test_no_method_looks_at_the_truth(
    project: Project, tmp_path: Path, small: SyntheticSeries, method: str, protocol: str
) -> None:
    variant, _ = castline.attribute(project, method=method, protocol=protocol)
    with_truth = read_labels(project, variant)
    blind = Project.create(tmp_path / "blind")
    write_series(blind, small)
    for path in (blind.folder / "tables" / "truth").iterdir():
        path.unlink()

    castline.attribute(blind, method=method, protocol=protocol)

    assert read_labels(blind, variant).equals(with_truth)


def test_seeds_keep_their_speaker(project: Project) -> None:
    variant, _ = castline.attribute(project, method="propagation")

    labels = read_labels(project, variant)
    seeds = project.store.read("seeds", variant="given").select("line", "character")
    joined = seeds.join(labels, on="line", suffix="_label")
    assert joined["character"].to_list() == joined["character_label"].to_list()
    assert joined["reasons"].to_list() == [["seed"]] * seeds.height


def test_the_margin_is_that_of_the_release(project: Project) -> None:
    variant, _ = castline.attribute(project, method="propagation")
    labels = read_labels(project, variant)
    for episode in project.episodes():
        scores: dict[str, list[float]] = {}
        table = project.store.read("candidates", episode, variant)
        for line, score in table.select("line", "score").iter_rows():
            scores.setdefault(line, []).append(score)
        mine = labels.filter(pl.col("episode") == episode)
        for line, margin in mine.select("line", "margin").iter_rows():
            found = scores.get(line, [])
            if not found:
                expected = 0.0
            elif len(found) == 1:
                expected = found[0] - (0.25 if found[0] < 1 else 0)
            else:
                expected = found[0] - found[1]
            assert margin == pytest.approx(expected, abs=1e-6)


def test_an_edit_is_a_seed_that_spreads(tmp_path: Path) -> None:
    series = make_series(cast=3, lines=60, episodes=1, noise=0.2, seed=3, extras=0, oddities=0)
    project = Project.create(tmp_path / "project")
    write_series(project, series)
    truth = series.table("truth")
    cast = series.cast["character"].to_list()
    wrong = {cast[0]: cast[1], cast[1]: cast[0]}
    castline.attribute(project, method="propagation")
    # Everybody is told that the voices of two people are swapped, in most of their lines.
    for name, other in wrong.items():
        lines = truth.filter(truth["speaker"] == name)["line"].to_list()
        castline.edit_lines(project, lines[: len(lines) * 2 // 3], to=other, author="Ann", at="t")

    variant, summary = castline.attribute(project, method="propagation")

    assert summary.made == {"attribute-propagation series": "input edits changed"}
    labels = read_labels(project, variant)
    edited = labels.filter(labels["source"] == "human")
    assert set(edited["confidence"]) == {1.0}
    joined = labels.join(truth.select("line", "speaker"), on="line")
    rest = joined.filter((pl.col("source") != "human") & pl.col("speaker").is_in(list(wrong)))
    followed = (rest["character"] == rest["speaker"].replace(wrong)).sum()
    assert followed > rest.height / 2


@pytest.mark.slow
def test_undoing_an_edit_brings_the_same_bytes_back(
    project: Project, contents: Callable[[Path], dict[str, bytes]]
) -> None:
    castline.attribute(project, method="propagation")
    before = contents(project.folder / "tables")
    batch = castline.edit_lines(project, ["0001-00004"], to=UNKNOWN, author="Ann")
    castline.attribute(project, method="propagation")
    assert contents(project.folder / "tables") != before

    castline.undo_edit(project, batch, author="Ann")
    castline.attribute(project, method="propagation")

    assert contents(project.folder / "tables") == before


def test_a_line_given_to_nobody_stays_so_and_teaches_no_voice(project: Project) -> None:
    castline.attribute(project, method="propagation")
    lines = project.store.read("lines", "0001")["line"].to_list()[:5]
    castline.edit_lines(project, lines[:3], to=OTHERS, author="Ann")
    castline.edit_lines(project, lines[3:], to=UNKNOWN, author="Ann")

    variant, _ = castline.attribute(project, method="propagation")

    labels = read_labels(project, variant).filter(pl.col("line").is_in(lines))
    assert labels["character"].to_list() == [OTHERS] * 3 + [UNKNOWN] * 2
    assert labels["status"].to_list() == ["settled"] * 3 + ["abstained"] * 2


@pytest.mark.slow
def test_a_cluster_can_be_named_as_somebody_new(tmp_path: Path) -> None:
    series = make_series(cast=3, lines=400, episodes=1, extras=0.4, seed=5)
    project = Project.create(tmp_path / "project")
    write_series(project, series)
    variant, _ = castline.attribute(project, method="propagation")
    voices = read_labels(project, variant).filter(pl.col("character").str.starts_with("voice-"))
    assert voices.height, "the series was made so that strangers come back"
    with pytest.raises(UnknownName, match="No character"):
        castline.edit_cluster(project, "voice-1", to="The Porter", author="Ann")

    batch, count = castline.edit_cluster(
        project, "voice-1", to="The Porter", author="Ann", new_character=True
    )
    castline.attribute(project, method="propagation")

    assert count == (voices["character"] == "voice-1").sum()
    labels = read_labels(project, variant)
    assert (labels["character"] == "The Porter").sum() >= count
    castline.undo_edit(project, batch, author="Ann")
    assert (read_labels(project, variant)["source"] != "human").all()


def test_an_edit_of_a_line_that_is_gone_is_kept_and_said(project: Project, tmp_path: Path) -> None:
    castline.attribute(project, method="propagation")
    castline.edit_lines(project, ["0001-00001"], to=OTHERS, author="Ann")
    other = make_series(cast=5, lines=90, episodes=3, width=16, seed=12)
    moved = Project.create(tmp_path / "moved")
    write_series(moved, other)
    moved.database.write_bytes(project.database.read_bytes())

    recorder = Recorder()
    castline.attribute(moved, method="propagation", reporter=recorder)

    assert any("no longer in episode 0001" in warning for warning in recorder.warnings)


def test_an_edited_line_is_found_again_by_its_span_and_text(project: Project) -> None:
    castline.attribute(project, method="propagation")
    castline.edit_lines(project, ["0001-00002"], to=OTHERS, author="Ann")
    lines = project.store.read("lines", "0001")
    manifest = project.store.manifest("lines", "0001")
    assert manifest is not None
    renamed = lines.with_columns(("x" + pl.col("line")).alias("line"))

    from castline.tables.edits import EditLog

    found, lost = EditLog(project.database).anchored(renamed)

    assert found == {"x0001-00002": OTHERS}
    assert lost == []


def test_a_project_without_seeds_says_so_and_offers_the_way_out(project: Project) -> None:
    for path in (project.folder / "tables" / "seeds" / "given").iterdir():
        path.unlink()

    with pytest.raises(TableError, match="--protocol unsupervised"):
        castline.attribute(project, method="propagation", protocol="released")
    variant, _ = castline.attribute(project, method="propagation")
    assert variant == "propagation-unsupervised"


def test_a_project_without_lines_or_voices_is_refused_with_a_reason(
    project: Project, tmp_path: Path
) -> None:
    with pytest.raises(TableError, match="no lines"):
        castline.attribute(Project.create(tmp_path / "nothing"), protocol="unsupervised")
    (project.folder / "tables" / "voices" / "0002.json").unlink()
    with pytest.raises(castline_errors(), match="0002"):
        castline.attribute(project, method="propagation")


def castline_errors() -> type[Exception]:
    from castline.errors import CastlineError

    return CastlineError


def test_the_best_labels_there_are_is_what_is_meant(project: Project) -> None:
    with pytest.raises(UsageError, match="castline attribute"):
        choose_variant(project)
    castline.attribute(project, method="nearest-seed")
    assert choose_variant(project) == "nearest-seed-released"
    castline.attribute(project, method="propagation", protocol="unsupervised")
    assert choose_variant(project) == "propagation-unsupervised"
    castline.attribute(project, method="propagation", protocol="library")
    assert choose_variant(project) == "propagation-library"
    assert choose_variant(project, method="nearest-seed") == "nearest-seed-released"


def test_labels_become_stale_when_what_they_rest_on_changes(project: Project) -> None:
    castline.attribute(project, method="propagation")
    castline.attribute(project, method="nearest-seed", settings={"threshold": 0.3})
    assert stale_labels(project) == {"propagation-released": None, "nearest-seed-released": None}

    castline.edit_lines(project, ["0001-00001"], to=OTHERS, author="Ann")

    assert set(stale_labels(project).values()) == {"input edits changed"}


def test_labels_of_a_model_that_is_gone_are_stale_and_say_why(
    project: Project, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    shutil.copytree(SHIPPED, own)
    castline.attribute(project, settings={"model": str(own)})
    assert stale_labels(project) == {"fusion-released": None}

    shutil.rmtree(own)

    why = stale_labels(project)["fusion-released"]
    assert why is not None
    assert why.startswith("what it rests on cannot be read")


def test_a_model_in_castline_toml_is_looked_for_in_the_projects_folder(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(SHIPPED, project.folder / "models" / "ours")
    with (project.folder / "castline.toml").open("a", encoding="utf-8") as file:
        file.write('\n[fusion]\nmodel = "models/ours"\n')
    monkeypatch.chdir(tmp_path)

    castline.attribute(Project.open(project.folder))

    assert set(stale_labels(project).values()) == {None}
    shutil.rmtree(project.folder / "models")
    with pytest.raises(InputError, match="models/ours"):
        castline.attribute(Project.open(project.folder))


@pytest.mark.parametrize(("protocol", "given"), [("released", True), ("unsupervised", False)])
def test_a_series_says_whether_people_gave_its_seeds(
    project: Project, protocol: str, given: bool
) -> None:
    castline.attribute(project, method="nearest-seed", protocol=protocol)

    series = load_series(project.store, project.episodes(), PROTOCOLS[protocol], {})

    assert series.seeds_given == given


@pytest.mark.parametrize(("risk", "speakers"), [(None, 2), (1.0, 1)])
def test_a_line_of_two_voices_gets_two_speakers_unless_a_risk_is_chosen(
    project: Project, risk: float | None, speakers: int
) -> None:
    made, _ = castline.attribute(project)
    line = read_labels(project, made).filter(episode="0001").sort("confidence")["line"][0]
    lines = project.store.read("lines", "0001")
    notes = pl.Series("notes", [["two voices"] if each == line else [] for each in lines["line"]])
    noted = lines.with_columns(notes.cast(lines["notes"].dtype))
    project.store.write("lines", noted, "0001", stage="test", key="", parameters={}, inputs={})

    variant, _ = castline.attribute(project, max_risk=risk)

    labels = read_labels(project, variant)
    counts = dict(labels["line"].value_counts().iter_rows())
    assert counts.pop(line) == speakers
    assert set(counts.values()) == {1}
    told = labels.filter(line=line)["confidence"].to_list()
    assert told == sorted(told, reverse=True)


def test_unsupervised_takes_neither_given_seeds_nor_narrators(project: Project) -> None:
    castline.attribute(project, method="propagation", protocol="unsupervised")

    seeds = project.store.read("seeds", variant="cluster")
    cast = project.store.read("cast")
    narrators = cast.filter(cast["kind"] == "narrator")["character"]
    assert narrators.len() == 1
    assert not seeds["character"].is_in(narrators.to_list()).any()
    series = load_series(
        project.store, project.episodes(), PROTOCOLS["unsupervised"], {}, with_seeds=False
    )
    assert not series.everywhere.any()
