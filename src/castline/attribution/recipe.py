"""Who says each line: from the tables of a project to its labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from castline.attribution.abstain import AbstainParams, abstain
from castline.attribution.base import Method
from castline.attribution.inputs import active_edits, input_digests
from castline.attribution.labels import label_frames, new_voice
from castline.attribution.mouths import VERSION as MOUTHS_VERSION
from castline.attribution.mouths import MouthParams, weigh_mouths
from castline.attribution.series import PROTOCOLS, Protocol, load_series
from castline.errors import TableError, UnknownName
from castline.pipeline.progress import Recorder
from castline.pipeline.run import RunSummary, run_units
from castline.pipeline.stage import Output, Unit, why_stale
from castline.registry import Registry
from castline.settings import build
from castline.tables.catalog import GIVEN
from castline.tables.edits import EditLog

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["METHODS", "attribute", "choose_protocol", "stale_labels"]

METHODS: Registry[Method] = Registry(
    "method",
    "castline.methods",
    {
        "fusion": "castline.attribution.fusion.method:METHOD",
        "propagation": "castline.attribution.propagation:METHOD",
        "most-frequent-face": "castline.attribution.baselines:MOST_FREQUENT_FACE",
        "nearest-seed": "castline.attribution.baselines:NEAREST_SEED",
        "diarization": "castline.attribution.baselines:DIARIZATION",
    },
)


def choose_protocol(project: Project, name: str = "auto") -> Protocol:
    """The protocol of that name; `auto` takes given seeds when there are any.

    Raises:
        UnknownName: There is no such protocol.
        TableError: It needs given seeds and the project has none.
    """
    given = project.store.exists("seeds", variant=GIVEN)
    if name == "auto":
        name = "released" if given else "unsupervised"
    if name not in PROTOCOLS:
        raise UnknownName("protocol", name, PROTOCOLS)
    protocol = PROTOCOLS[name]
    if protocol.seeds == GIVEN and not given:
        raise TableError(
            f"{project.folder}: protocol {name!r} needs seeds and none were given. "
            "Use --protocol unsupervised, or name a few lines with `castline edit`."
        )
    return protocol


def attribute(
    project: Project,
    *,
    method: str = "fusion",
    protocol: str = "auto",
    settings: Mapping[str, Any] | None = None,
    max_risk: float | None = None,
    reporter: Reporter | None = None,
    dry_run: bool = False,
) -> tuple[str, RunSummary]:
    """Label every line of a series.

    Reads lines, voices, faces, cast and seeds, and people's edits, each of which is a seed; writes
    the tables `labels` and `candidates` of this method and protocol. What is up to date stays.

    Args:
        project: The series.
        method: A name of `METHODS`.
        protocol: A name of `PROTOCOLS`, or `auto`.
        settings: Settings of the method by name, over those of castline.toml.
        max_risk: Share of wrong labels, 0 to 1, that may be expected among those given; doubtful
            lines are `unknown` rather than make it larger. That of castline.toml
            (`[abstain] max_risk`) when None; where there is none, every line gets the best guess.
        reporter: Told about progress and warnings.
        dry_run: Say what would be made and why, and make nothing.

    Returns:
        The variant of the labels table, and what was done.

    Raises:
        ProjectBusy: Another run works in the project.
        TableError: A table that is needed is missing.
        SettingsError: A setting does not exist or is out of range.
        UsageError: A risk is given and the method gives no confidences.
    """
    reporter = reporter or Recorder()
    how = METHODS.get(method)
    under = choose_protocol(project, protocol)
    values = {**project.settings.get(method, {}), **(settings or {})}
    parameters = build(how.parameters, values, f"settings of {method}")
    chosen = {} if max_risk is None else {"max_risk": max_risk}
    risk = build(
        AbstainParams, {**project.settings.get("abstain", {}), **chosen}, "settings of abstain"
    )
    variant = f"{how.name}-{under.name}"
    with project.lock():
        # Made up one after the other: the labels depend on the seeds that were just found.
        units = _units(project, how, under, parameters, risk, variant)
        seeking = under.seeds != GIVEN
        summary = run_units(project.store, units, reporter, total=1 + seeking, dry_run=dry_run)
    for error in summary.failures.values():
        raise error
    return variant, summary


def _units(
    project: Project,
    method: Method,
    protocol: Protocol,
    parameters: Any,
    risk: AbstainParams,
    variant: str,
) -> Iterator[Unit]:
    mouths = _mouth_settings(project)
    if protocol.seeds != GIVEN:
        from castline.attribution.cluster_seeds import ClusterSeedsParams
        from castline.attribution.seeding import cluster_seeds_unit

        values = project.settings.get("cluster-seeds", {})
        yield cluster_seeds_unit(
            project, protocol, build(ClusterSeedsParams, values, "cluster-seeds"), mouths
        )
    yield _labels_unit(project, method, protocol, parameters, risk, variant)


def _labels_unit(
    project: Project,
    method: Method,
    protocol: Protocol,
    parameters: Any,
    risk: AbstainParams,
    variant: str,
) -> Unit:
    episodes = project.episodes()
    mouths = _mouth_settings(project)
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
        names = [*series.cast, *(new_voice(n + 1) for n in range(result.voices_found))]
        for position, episode in enumerate(episodes):
            rows = np.flatnonzero(series.episode == position)
            candidates, labels = label_frames(
                series, result, names, rows, episode=episode, method=method.name
            )
            yield Output("candidates", episode, variant), candidates
            yield Output("labels", episode, variant), labels

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


def _mouth_settings(project: Project) -> MouthParams:
    return build(MouthParams, project.settings.get("mouths", {}), "settings of mouths")


def stale_labels(project: Project) -> dict[str, str | None]:
    """Each variant of the labels, with the reason why it is out of date, or None."""
    stale: dict[str, str | None] = {}
    for variant in project.store.variants("labels"):
        units = project.store.units("labels", variant)
        manifest = project.store.manifest("labels", units[0], variant) if units else None
        if manifest is None:
            continue
        stage, _, name = manifest.stage.partition("@")[0].partition("-")
        if stage != "attribute":
            stale[variant] = None  # imported: it rests on files that are not ours
            continue
        protocol = PROTOCOLS.get(str(manifest.parameters.get("protocol")))
        if name not in METHODS or protocol is None:
            stale[variant] = f"made by {manifest.stage}, which this Castline does not know"
            continue
        method = METHODS.get(name)
        values = {k: v for k, v in manifest.parameters.items() if k != "protocol"}
        risk = AbstainParams(values.pop("max_risk", None))
        parameters = build(method.parameters, values, f"settings of {name}")
        unit = _labels_unit(project, method, protocol, parameters, risk, variant)
        stale[variant] = why_stale(project.store, unit)
    return stale
