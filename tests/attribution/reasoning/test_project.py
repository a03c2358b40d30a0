"""Reasoning on a project, with scripted servers in processes of their own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pytest

import castline
from castline.agents.driver import DriverParams
from castline.agents.endpoints import Endpoint
from castline.agents.traces import Trace, read_traces
from castline.attribution.labels import read_labels, summarise_asked
from castline.attribution.recipe import stale_labels
from castline.errors import EndpointError, LimitReached, RunError, UnknownName, UsageError
from castline.pipeline.progress import Recorder
from castline.project import Project
from castline.tables.catalog import RESERVED
from castline.testing.scripted import start_scripted, stats_of
from tests.attribution.reasoning.models import case_of

pytestmark = pytest.mark.slow

Scripted = Callable[[str], Endpoint]
Truth = Callable[[Project], Path]

QUICK = {"probe": 10, "share": 0.15, "language": "en"}
VARIANT = "reasoning-propagation-released"


@pytest.fixture
def project(noisy_project: Project, tmp_path: Path) -> Project:
    """A copy of the noisy project."""
    return Project.open(shutil.copytree(noisy_project.folder, tmp_path / "project"))


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    """Start a scripted server, once for each word; they end with the tests of this file."""
    with ExitStack() as servers:
        started: dict[str, Endpoint] = {}

        def start(word: str) -> Endpoint:
            if word not in started:
                started[word] = servers.enter_context(start_scripted(word))
            return started[word]

        yield start


@pytest.fixture(scope="module")
def truth(noisy_project: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The word for a server that knows the truth."""
    speakers = dict(enumerate(case_of(noisy_project).truth))
    path = tmp_path_factory.mktemp("truth") / "truth.json"
    path.write_text(json.dumps(speakers, ensure_ascii=False), encoding="utf-8")
    return f"oracle={path}"


def reason(project: Project, *endpoints: Endpoint, **more: object) -> str:
    """Judge the labels of propagation; the variant of the labels."""
    variant, _ = castline.attribute(
        project,
        **{  # type: ignore[arg-type]
            "method": "reasoning",
            "base": "propagation",
            "endpoints": endpoints,
            "settings": QUICK,
            "driver": DriverParams(attempts=1, backoff_s=0.01),
            **more,
        },
    )
    return variant


def labels_of(project: Project, variant: str) -> pl.DataFrame:
    return read_labels(project, variant)


def right(project: Project, variant: str) -> float:
    """Share of right labels; all who are no known character are one."""
    truth = pl.concat([project.store.read("truth", each) for each in project.episodes()])
    known = set(project.store.read("seeds", variant="given")["character"]) - set(RESERVED)
    joined = labels_of(project, variant).join(truth.select("line", "speaker"), on="line")
    pairs = joined.select("character", "speaker").iter_rows()
    hits = [(a if a in known else "") == (b if b in known else "") for a, b in pairs]
    return hits.count(True) / len(hits)


def test_labels_of_both_methods_are_made_and_only_lines_that_were_sent_differ(
    project: Project, scripted: Scripted, truth: str
) -> None:
    variant = reason(project, scripted(truth))

    assert variant == VARIANT
    base = labels_of(project, "propagation-released")
    mine = labels_of(project, variant)
    asked = project.store.read("asked", variant=variant)
    sent = asked.filter(pl.col("pass") > 0)["line"].to_list()
    unsent = ~base["line"].is_in(sent)
    assert base.filter(unsent)["character"].equals(mine.filter(unsent)["character"])
    assert right(project, variant) > right(project, "propagation-released") + 0.03
    assert asked.height <= 0.15 * base.height
    assert set(mine["method"]) == {"reasoning-propagation"}
    assert mine["confidence"].is_not_null().all()
    assert set(mine.filter(mine["line"].is_in(sent))["pass"]) <= {0, 1, 2}
    told = summarise_asked(project, variant)
    assert told is not None
    assert told["lines"] == asked.height
    assert stale_labels(project)[variant] is None


def test_what_is_up_to_date_is_not_asked_again_and_what_is_paid_for_neither(
    project: Project, scripted: Scripted, truth: str
) -> None:
    server = scripted(truth)
    variant = reason(project, server)
    before, asked = labels_of(project, variant), stats_of(server).requests
    reason(project, server)
    assert stats_of(server).requests == asked

    for table in ("labels", "candidates", "asked"):
        shutil.rmtree(project.store.path(table, "0001", variant).parent)
    reason(project, server)

    assert stats_of(server).requests == asked
    assert labels_of(project, variant).equals(before)


def test_the_truth_never_reaches_a_run(
    project: Project, tmp_path: Path, scripted: Scripted
) -> None:
    server = scripted("first-candidate")
    blind = Project.open(shutil.copytree(project.folder, tmp_path / "blind"))
    shutil.rmtree(blind.folder / "tables" / "truth")
    wrong = Project.open(shutil.copytree(project.folder, tmp_path / "wrong"))
    for episode in wrong.episodes():
        path = wrong.store.path("truth", episode)
        frame = wrong.store.read("truth", episode)
        sealed = json.loads(path.with_suffix(".json").read_text())
        other = frame["speaker"].reverse()
        wrong.store.write(
            "truth",
            frame.with_columns(speaker=other, speakers=pl.concat_list(other)),
            episode,
            **{name: sealed[name] for name in ("stage", "key", "parameters", "inputs")},
        )
    settings = {**QUICK, "probe_limit": 1.0}
    for each in (project, blind, wrong):
        reason(each, server, settings=settings)

    def said(of: Project) -> dict[tuple[str, str], object]:
        return {(trace.task, trace.id): trace.messages for trace in _traces(of)}

    assert len(said(project)) > 30
    assert said(blind) == said(project) == said(wrong)
    assert labels_of(blind, VARIANT).equals(labels_of(project, VARIANT))


@pytest.mark.slow
def test_an_edit_makes_the_labels_stale_and_its_line_is_not_asked_about(
    project: Project, scripted: Scripted, truth: str
) -> None:
    variant = reason(project, scripted(truth))
    asked = project.store.read("asked", variant=variant)
    line = asked.filter(pl.col("pass") == 1)["line"][0]
    who = project.store.read("cast")["character"][0]
    castline.edit_lines(project, [line], to=who, author="Ann")
    assert stale_labels(project)[variant] == "input edits changed"

    reason(project, scripted(truth))

    assert line not in project.store.read("asked", variant=variant)["line"].to_list()
    assert labels_of(project, variant).filter(line=line)["character"].item() == who


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["library", "unsupervised"])
def test_every_protocol_can_be_judged(
    project: Project, scripted: Scripted, truth: str, protocol: str
) -> None:
    variant = reason(project, scripted(truth), protocol=protocol)
    assert variant == f"reasoning-propagation-{protocol}"
    base = labels_of(project, f"propagation-{protocol}")
    assert labels_of(project, variant)["line"].equals(base["line"])


@pytest.mark.parametrize(
    "word", ["not-json", pytest.param("long", marks=pytest.mark.slow), "no-model"]
)
def test_a_server_that_fails_leaves_the_labels_as_they_were_and_says_why(
    project: Project, scripted: Scripted, word: str
) -> None:
    with pytest.raises((RunError, EndpointError)) as caught:
        reason(project, scripted(word))

    if isinstance(caught.value, RunError):
        assert "10 of 10 lines" in str(caught.value)
        assert "keep the label of propagation" in str(caught.value)
        before = labels_of(project, "propagation-released")["character"]
        assert labels_of(project, VARIANT)["character"].equals(before)
        assert "asked/series is missing" in (stale_labels(project)[VARIANT] or "")


@pytest.mark.slow
@pytest.mark.parametrize("word", ["endless-tools", "not-a-candidate"])
def test_a_model_that_never_gives_a_valid_answer_changes_nothing(
    project: Project, scripted: Scripted, word: str
) -> None:
    reporter = Recorder()
    variant = reason(project, scripted(word), reporter=reporter)
    before = labels_of(project, "propagation-released")["character"]
    assert labels_of(project, variant)["character"].equals(before)
    assert any("does not confirm 10 of 10" in each for each in reporter.warnings)


def test_a_budget_of_nothing_is_said_to_be_used_up_and_a_larger_one_goes_on(
    project: Project, scripted: Scripted, truth: str
) -> None:
    server = scripted(truth)
    with pytest.raises(LimitReached, match="10 of 10 lines keep the label of propagation"):
        reason(project, server, driver=DriverParams(budget_tokens=0))
    with pytest.raises(LimitReached, match="budget is used up"):
        reason(project, server, driver=DriverParams(budget_tokens=150_000))
    asked = stats_of(server).requests

    variant = reason(project, server)

    assert project.store.exists("asked", variant=variant)
    again = sum(trace.status == "answered" for trace in _traces(project))
    assert stats_of(server).requests - asked < again * 3


def test_what_cannot_be_asked_is_said_before_anything_is_done(project: Project) -> None:
    nobody = Endpoint("nobody", "http://127.0.0.1:9/v1", "m")
    with pytest.raises(UsageError, match="add --endpoint"):
        reason(project)
    with pytest.raises(UnknownName, match="'reasoning'"):
        reason(project, nobody, base="reasoning")
    with pytest.raises(UnknownName, match="No method is called 'reasonin'"):
        reason(project, nobody, method="reasonin")
    with pytest.raises(UsageError, match="carry no confidence"):
        reason(project, nobody, base="nearest-seed")


def _traces(project: Project) -> list[Trace]:
    folder = project.folder / "traces"
    return [trace for path in folder.glob("*.jsonl") for trace in read_traces(path)]
