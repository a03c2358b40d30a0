"""Who says each line: from the tables of a project to its labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from castline.attribution.abstain import AbstainParams
from castline.attribution.base import Method
from castline.attribution.discussing import Plan, discussed_unit, talking_name
from castline.attribution.labels_unit import labels_unit, mouth_settings
from castline.attribution.series import PROTOCOLS, Protocol
from castline.attribution.talking import TalkingMethod
from castline.errors import InputError, TableError, UnknownName, UsageError
from castline.pipeline.progress import Recorder
from castline.pipeline.run import RunSummary, run_units
from castline.pipeline.stage import Unit, why_stale
from castline.registry import Registry
from castline.settings import build
from castline.tables.catalog import GIVEN

if TYPE_CHECKING:
    from castline.agents.driver import DriverParams
    from castline.agents.endpoints import Endpoint
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = [
    "METHODS",
    "TALKING",
    "attribute",
    "choose_protocol",
    "stale_labels",
    "variant_of",
]

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
"""Methods that label a series."""
TALKING: Registry[TalkingMethod] = Registry(
    "method",
    "castline.talking_methods",
    {"reasoning": "castline.attribution.reasoning.method:METHOD"},
)
"""Methods that have a language model judge the labels of another method."""


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
    base: str = "fusion",
    endpoints: Sequence[Endpoint] = (),
    driver: DriverParams | None = None,
    reporter: Reporter | None = None,
    dry_run: bool = False,
) -> tuple[str, RunSummary]:
    """Label every line of a series.

    Reads lines, voices, faces, cast and seeds, and people's edits, each of which is a seed; writes
    the tables `labels` and `candidates` of this method and protocol. What is up to date stays.

    Args:
        project: The series.
        method: A name of `METHODS` or `TALKING`.
        protocol: A name of `PROTOCOLS`, or `auto`.
        settings: Settings of the method by name, over those of castline.toml.
        max_risk: Share of wrong labels, 0 to 1, that may be expected among those given; doubtful
            lines are `unknown` rather than make it larger. That of castline.toml
            (`[abstain] max_risk`) when None; where there is none, every line gets the best guess.
        base: For a method of `TALKING`: the method whose labels it judges. Those are made first.
        endpoints: For such a method: where it asks.
        driver: How it asks, and what that may cost.
        reporter: Told about progress and warnings.
        dry_run: Say what would be made and why, and make nothing.

    Returns:
        The variant of the labels table, and what was done.

    Raises:
        ProjectBusy: Another run works in the project.
        TableError: A table that is needed is missing.
        SettingsError: A setting does not exist or is out of range.
        UsageError: A risk is given and the method gives no confidences, or a method has nobody to
            ask.
        EndpointError: No endpoint gave a single reply.
        LimitReached: The budget ended before all lines in doubt were judged; all are labelled.
        RunError: Some lines got no reply and keep the label of the base method.
    """
    reporter = reporter or Recorder()
    variant = variant_of(project, method, protocol, base)
    under = choose_protocol(project, protocol)
    risk = _risk(project, {} if max_risk is None else {"max_risk": max_risk})
    talks = method in TALKING.names()
    if talks:
        if not endpoints:
            raise UsageError(
                f"{method} asks a language model, and no endpoint was given: add --endpoint, such "
                "as --endpoint http://127.0.0.1:8000/v1."
            )
        talker = TALKING.get(method)
        parameters = _parameters(project, talker, settings)
        models = tuple(each.identity for each in endpoints)
        plan = Plan(talker, base, under, parameters, risk, models)
        units = _judged_units(project, plan, endpoints, driver, dry_run=dry_run)
    else:
        how = METHODS.get(method)
        units = _units(project, how, under, _parameters(project, how, settings), risk, variant)
    with project.lock():
        # Made up one after the other: the labels depend on the seeds that were just found.
        total = 1 + (under.seeds != GIVEN) + talks
        summary = run_units(project.store, units, reporter, total=total, dry_run=dry_run)
    for error in summary.failures.values():
        raise error
    return variant, summary


def variant_of(project: Project, method: str, protocol: str = "auto", base: str = "fusion") -> str:
    """Variant of the tables that a method writes.

    Raises:
        UnknownName: There is no such method, base method or protocol.
        TableError: The protocol needs given seeds and the project has none.
    """
    under = choose_protocol(project, protocol)
    known = (*METHODS.names(), *TALKING.names())
    if method not in known:
        raise UnknownName("method", method, known)
    if method not in TALKING.names():
        return f"{method}-{under.name}"
    return f"{talking_name(method, METHODS.get(base).name)}-{under.name}"


def _parameters(
    project: Project, method: Method | TalkingMethod, settings: Mapping[str, Any] | None = None
) -> Any:
    """The settings of a method: those given, over those of castline.toml."""
    written = _placed(method.parameters, project.settings.get(method.name, {}), project.folder)
    given = _placed(method.parameters, settings or {}, Path())
    return build(method.parameters, {**written, **given}, f"settings of {method.name}")


def _placed(kind: type[Any], values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Settings whose paths start from a folder, with paths that hold everywhere."""
    placed = dict(values)
    for each in dataclasses.fields(kind):
        value = values.get(each.name)
        if each.metadata.get("path") and value and isinstance(value, str):
            placed[each.name] = str((folder / value).absolute())
    return placed


def _risk(project: Project, chosen: Mapping[str, Any] | None = None) -> AbstainParams:
    values = {**project.settings.get("abstain", {}), **(chosen or {})}
    return build(AbstainParams, values, "settings of abstain")


def _judged_units(
    project: Project,
    plan: Plan,
    endpoints: Sequence[Endpoint],
    driver: DriverParams | None,
    *,
    dry_run: bool,
) -> Iterator[Unit]:
    """The labels of the base method, made as always, and what a model makes of them."""
    method = METHODS.get(plan.base)
    parameters = _parameters(project, method)
    risk = _risk(project)
    for unit in _units(project, method, plan.protocol, parameters, risk, plan.judged):
        yield unit
        if not dry_run and why_stale(project.store, unit) is not None:
            return  # it failed, and says so
    yield discussed_unit(project, plan, endpoints, driver)


def _units(
    project: Project,
    method: Method,
    protocol: Protocol,
    parameters: Any,
    risk: AbstainParams,
    variant: str,
) -> Iterator[Unit]:
    mouths = mouth_settings(project)
    if protocol.seeds != GIVEN:
        from castline.attribution.cluster_seeds import ClusterSeedsParams
        from castline.attribution.seeding import cluster_seeds_unit

        values = project.settings.get("cluster-seeds", {})
        yield cluster_seeds_unit(
            project, protocol, build(ClusterSeedsParams, values, "cluster-seeds"), mouths
        )
    yield labels_unit(project, method, protocol, parameters, risk, variant)


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
        try:
            unit = _unit_again(project, name, dict(manifest.parameters), variant)
        except InputError as error:  # a trained model that was moved or deleted
            stale[variant] = f"what it rests on cannot be read: {error}"
            continue
        if unit is None:
            stale[variant] = f"made by {manifest.stage}, which this Castline does not know"
        else:
            stale[variant] = why_stale(project.store, unit)
    return stale


def _unit_again(project: Project, name: str, values: dict[str, Any], variant: str) -> Unit | None:
    """The unit that made labels with these parameters; None for one of another Castline."""
    protocol = PROTOCOLS.get(str(values.pop("protocol", None)))
    risk = AbstainParams(values.pop("max_risk", None))
    if protocol is None:
        return None
    if name in TALKING.names():
        talker = TALKING.get(name)
        base, models = str(values.pop("base")), tuple(values.pop("models"))
        parameters = build(talker.parameters, values, f"settings of {name}")
        return discussed_unit(project, Plan(talker, base, protocol, parameters, risk, models))
    if name not in METHODS.names():
        return None
    method = METHODS.get(name)
    parameters = build(method.parameters, values, f"settings of {name}")
    return labels_unit(project, method, protocol, parameters, risk, variant)
