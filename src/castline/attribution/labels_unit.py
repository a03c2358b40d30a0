"""The unit that labels a series by one method."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from castline.attribution.abstain import AbstainParams, abstain
from castline.attribution.base import Attribution, Method, Series
from castline.attribution.inputs import active_edits, input_digests
from castline.attribution.labels import label_frames, new_voice
from castline.attribution.mouths import VERSION as MOUTHS_VERSION
from castline.attribution.mouths import MouthParams, weigh_mouths
from castline.attribution.series import Protocol, load_series
from castline.pipeline.stage import Output, Unit
from castline.settings import build
from castline.story.lines import TWO_VOICES
from castline.tables.edits import EditLog

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["labelled", "labels_unit", "lines_of_two", "mouth_settings"]


def labels_unit(
    project: Project,
    method: Method,
    protocol: Protocol,
    parameters: Any,
    risk: AbstainParams,
    variant: str,
) -> Unit:
    """The unit that labels a series.

    Args:
        project: The series.
        method: The method.
        protocol: What is known beforehand.
        parameters: Settings of the method.
        risk: When lines are left unknown.
        variant: Of the tables it writes.
    """
    episodes = project.episodes()
    mouths = mouth_settings(project)
    outputs = tuple(
        Output(name, episode, variant) for episode in episodes for name in ("candidates", "labels")
    )

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        edits = active_edits(project, reporter)
        series = load_series(project.store, episodes, protocol, edits)
        if method.seeded and not (series.seeds >= 0).any():
            reporter.warn(f"no line has a known speaker, so {method.name} can name nobody")

        def progress(done: int, total: int) -> None:
            reporter.step(method.name, done, total, "series")

        found = method.attribute(series, parameters, progress)
        for warning in found.warnings:
            reporter.warn(warning)
        result = weigh_mouths(series, found, mouths)
        result = abstain(series, result, risk, method=method.name)
        of_two = lines_of_two(project, risk)
        yield from labelled(series, result, episodes, variant, method=method.name, of_two=of_two)

    return Unit(
        stage=f"attribute-{method.name}",
        version=method.version,
        name="series",
        outputs=outputs,
        inputs={
            **input_digests(project, ("seeds", protocol.seeds)),
            "edits": EditLog(project.database).digest(),
            "mouths": f"{MOUTHS_VERSION}: {mouths}",
            **method.rests_on(parameters),
        },
        parameters={
            "protocol": protocol.name,
            **dataclasses.asdict(parameters),
            # Not said where it is not set: then it makes no labels out of date.
            **({} if risk.max_risk is None else {"max_risk": risk.max_risk}),
        },
        make=make,
    )


def labelled(
    series: Series,
    found: Attribution,
    episodes: Sequence[str],
    variant: str,
    *,
    method: str,
    of_two: Collection[str] = (),
) -> Iterator[tuple[Output, pl.DataFrame]]:
    """The tables `candidates` and `labels` of each episode.

    Args:
        series: What the method saw.
        found: What it found.
        episodes: Names of the episodes in order.
        variant: Of the tables.
        method: Name of the method.
        of_two: Ids of lines that get two speakers; see `label_frames`.
    """
    names = [*series.cast, *(new_voice(n + 1) for n in range(found.voices_found))]
    for position, episode in enumerate(episodes):
        rows = np.flatnonzero(series.episode == position)
        candidates, labels = label_frames(
            series, found, names, rows, episode=episode, method=method, of_two=of_two
        )
        yield Output("candidates", episode, variant), candidates
        yield Output("labels", episode, variant), labels


def lines_of_two(project: Project, risk: AbstainParams) -> set[str]:
    """Ids of the lines that hold the words of two voices and may get two speakers.

    Where a risk is chosen none may: the second speaker is too unsure.
    """
    import polars as pl

    if risk.max_risk is not None:
        return set()
    noted = pl.col("notes").list.contains(TWO_VOICES)
    lines = (
        project.store.read("lines", each, columns=["line", "notes"]).filter(noted)
        for each in project.episodes()
    )
    return {line for frame in lines for line in frame["line"]}


def mouth_settings(project: Project) -> MouthParams:
    """How mouths are weighed in this project."""
    return build(MouthParams, project.settings.get("mouths", {}), "settings of mouths")
