"""Labels that a language model has judged: from the tables of a project to its labels and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from castline.agents.driver import DriverParams, Session
from castline.agents.replies import ReplyStore
from castline.attribution.abstain import AbstainParams, abstain
from castline.attribution.base import Attribution, Series
from castline.attribution.inputs import active_edits, input_digests
from castline.attribution.labels import new_voice
from castline.attribution.labels_unit import labelled, lines_of_two
from castline.attribution.reading import attribution_of
from castline.attribution.relating import reader_of_relations
from castline.attribution.series import Protocol, load_series
from castline.attribution.talking import Discussion, TalkingMethod
from castline.attribution.tools.view import read_story
from castline.errors import CastlineError, LimitReached, RunError, UsageError
from castline.pipeline.stage import Output, Unit
from castline.story.evidence import OF_CLIPS, OF_SECTIONS
from castline.tables.catalog import IMPORTED, OTHERS, STORY, table
from castline.tables.edits import EditLog
from castline.tables.schema import build_frame
from castline.tables.store import SERIES

if TYPE_CHECKING:
    import polars as pl

    from castline.agents.endpoints import Endpoint
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["Plan", "discussed_unit", "talking_name"]

_BUDGET = "budget"
_SIMILARITIES = ("fusion", "propagation")
"""Methods whose scores are similarities where they give no confidences: fusion gives none where
nobody's voice is known."""


@dataclass(frozen=True)
class Plan:
    """What is to be judged, and how.

    Attributes:
        method: Asks the model.
        base: Name of the method whose labels it judges.
        protocol: What is known beforehand.
        parameters: Settings of the method.
        risk: When lines are left unknown.
        models: What replies are kept under, one for each endpoint.
    """

    method: TalkingMethod
    base: str
    protocol: Protocol
    parameters: Any
    risk: AbstainParams
    models: tuple[str, ...]

    @property
    def name(self) -> str:
        """What these labels are called: the method, and the base where it is not the usual one."""
        return talking_name(self.method.name, self.base)

    @property
    def variant(self) -> str:
        """Variant of the tables."""
        return f"{self.name}-{self.protocol.name}"

    @property
    def judged(self) -> str:
        """Variant of the labels that are judged."""
        return f"{self.base}-{self.protocol.name}"


def talking_name(method: str, base: str) -> str:
    """What the labels are called that a method makes of those of another."""
    return method if base == "fusion" else f"{method}-{base}"


def discussed_unit(
    project: Project,
    plan: Plan,
    endpoints: Sequence[Endpoint] = (),
    driver: DriverParams | None = None,
) -> Unit:
    """The unit that has a model judge labels that are there.

    Its last output, `asked`, is written only when no reply is missing: until then the unit is not
    done, and the same command goes on with the lines that are left.

    Args:
        project: The series.
        plan: What to do.
        endpoints: Where to ask; only who wants to know whether it is up to date has none.
        driver: How to ask.
    """
    episodes, variant = project.episodes(), plan.variant
    outputs = [
        Output(name, episode, variant) for episode in episodes for name in ("candidates", "labels")
    ]
    asked = Output("asked", SERIES, variant)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        series = load_series(
            project.store, episodes, plan.protocol, active_edits(project, reporter)
        )
        base = _read(project, series, plan.judged)
        if base.confidence is None and plan.base not in _SIMILARITIES:
            raise UsageError(
                f"Labels of {plan.base} carry no confidence, so nothing tells which of them are in "
                "doubt: take --base fusion or --base propagation."
            )
        session = Session(
            endpoints,
            ReplyStore(project.folder / "replies.sqlite"),
            project.folder / "traces",
            driver or DriverParams(),
            reporter,
        )
        story = read_story(project.store, episodes, series)
        reread = reader_of_relations(project, series, session, plan.models, reporter)
        story = dataclasses.replace(story, reread=reread)
        told = plan.method.discuss(series, base, story, plan.parameters, session, variant)
        for warning in told.found.warnings:
            reporter.warn(warning)
        found = abstain(series, told.found, plan.risk, method=plan.name)
        # The reasons of the base method tell of mouths already.
        without_mouths = dataclasses.replace(series, mouths=None)
        of_two = lines_of_two(project, plan.risk)
        yield from labelled(
            without_mouths, found, episodes, variant, method=plan.name, of_two=of_two
        )
        if told.failed:
            raise _unanswered(told, plan)
        yield asked, _asked_frame(series, base, told, episodes, plan.name)

    return Unit(
        stage=f"attribute-{plan.method.name}",
        version=plan.method.version,
        name=SERIES,
        outputs=(*outputs, asked),
        inputs={
            **input_digests(project, ("seeds", plan.protocol.seeds)),
            **_digests(project, plan),
            "edits": EditLog(project.database).digest(),
            **plan.method.rests_on(plan.parameters),
        },
        parameters={
            "protocol": plan.protocol.name,
            "base": plan.base,
            "models": list(plan.models),
            **dataclasses.asdict(plan.parameters),
            **({} if plan.risk.max_risk is None else {"max_risk": plan.risk.max_risk}),
        },
        make=make,
    )


def _read(project: Project, series: Series, variant: str) -> Attribution:
    import polars as pl

    store, episodes = project.store, project.episodes()
    labels = pl.concat([store.read("labels", each, variant) for each in episodes])
    candidates = pl.concat([store.read("candidates", each, variant) for each in episodes])
    return attribution_of(series, labels, candidates)


def _digests(project: Project, plan: Plan) -> dict[str, str]:
    """Digests of the labels that are judged and of what is told of the series."""
    wanted = [("relations", SERIES, variant) for variant in ("", STORY)]
    for episode in project.episodes():
        wanted += [(name, episode, plan.judged) for name in ("candidates", "labels")]
        wanted += [("captions", episode, each) for each in (OF_CLIPS, OF_SECTIONS, IMPORTED)]
    found = {
        "/".join(part for part in each if part): project.store.manifest(*each) for each in wanted
    }
    return {name: manifest.digest for name, manifest in found.items() if manifest}


def _unanswered(told: Discussion, plan: Plan) -> CastlineError:
    """How many lines keep their label for want of a reply, and why."""
    kept = f"keep the label of {plan.base}"
    if set(told.failed) == {_BUDGET}:
        return LimitReached(
            f"The budget is used up: {told.failed[_BUDGET]} of {len(told.asked)} lines {kept}. "
            "Everything that was paid for is kept: run the same command with a larger budget to "
            "go on."
        )
    return RunError(
        {
            f"{count} of {len(told.asked)} lines ({kind})": f"{told.why[kind]}; they {kept}"
            for kind, count in told.failed.most_common()
        }
    )


def _asked_frame(
    series: Series,
    base: Attribution,
    told: Discussion,
    episodes: Sequence[str],
    source: str,
) -> pl.DataFrame:
    names = [*series.cast, *(new_voice(n + 1) for n in range(base.voices_found)), OTHERS]
    asked = told.asked
    return build_frame(
        table("asked"),
        {
            "line": [series.lines[each.row] for each in asked],
            "episode": [episodes[series.episode[each.row]] for each in asked],
            "pass": [each.turn for each in asked],
            "status": [each.status for each in asked],
            # Others have the code -1, and their word is the last.
            "answer": [None if e.answer is None else names[e.answer] for e in asked],
            "changed": [bool(told.found.code[e.row] != base.code[e.row]) for e in asked],
            "tokens": [each.tokens for each in asked],
            "why": [each.why or None for each in asked],
        },
        source=source,
    )
