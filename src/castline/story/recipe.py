"""The story of a series: from films and lines to captions, summaries and relations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from castline.agents.driver import DriverParams, Session
from castline.agents.replies import ReplyStore
from castline.errors import RunError, UnknownName
from castline.pipeline.progress import Recorder
from castline.pipeline.run import RunSummary, run_units
from castline.story.settings import StorySettings
from castline.story.source import Source
from castline.story.transcript import choose_labels
from castline.story.work import Models, StoryWork

if TYPE_CHECKING:
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["STEPS", "Models", "StoryRun", "tell_story"]

STEPS = ("captions", "summaries", "relations")
"""What models tell: what is seen, what happens, who is what to whom."""


@dataclass(frozen=True)
class StoryRun:
    """What was done.

    Attributes:
        summary: Units made, and those that were up to date.
        tokens: Tokens that were used.
        cost: Money that was spent, by the prices of the endpoints.
    """

    summary: RunSummary
    tokens: int
    cost: float


def tell_story(
    project: Project,
    models: Models,
    *,
    steps: Iterable[str] = STEPS,
    labels: str = "",
    language: str = "",
    prompts: Path | None = None,
    driver: DriverParams | None = None,
    reporter: Reporter | None = None,
    dry_run: bool = False,
) -> StoryRun:
    """Have models tell what is seen, what happens, and who is what to whom.

    Captions and summaries need films that were measured; relations only lines and their speakers.
    What is up to date stays; replies that were paid for are never asked again.

    Args:
        project: The series.
        models: Who is asked. Pictures with faces and names, and all that is said, go there.
        steps: Names of `STEPS`.
        labels: Variant of the labels that say who speaks; the newest of fusion when empty.
        language: Language of the prompts; that of the lines when empty.
        prompts: A folder with folders `captions`, `summaries`, `relations` of templates that count
            before ours.
        driver: How models are asked, and what it may cost.
        reporter: Told about progress and warnings.
        dry_run: Say what would be made and why, and make nothing.

    Raises:
        UnknownName: There is no such step, language of prompts, or variant of labels.
        UsageError: No model was given.
        SettingsError: castline.toml holds something it may not hold, or a key is missing.
        TableError: Nobody's lines have names yet.
        EndpointError: No endpoint answers any more. Replies are kept.
        LimitReached: The budget is used up. Replies are kept.
        RunError: Some units failed; all others were kept.
        ProjectBusy: Another run works in the project.
        StorageError: The disk refused.
    """
    reporter = reporter or Recorder()
    wanted = set(steps)
    for step in sorted(wanted - set(STEPS)):
        raise UnknownName("step of the story", step, STEPS)
    source = Source(project, choose_labels(project.store, labels))
    replies = ReplyStore(project.folder / "replies.sqlite")
    parts = (replies, project.folder / "traces", driver or DriverParams(), reporter)
    reading = Session(models.language or models.vision, *parts)
    looking = Session(models.vision, *parts) if models.vision else reading
    looking.budget = reading.budget  # one purse for all
    work = StoryWork(
        source,
        models,
        reading,
        looking,
        settings=StorySettings.of(project.settings),
        language=language,
        prompts=prompts,
        reporter=reporter,
        dry_run=dry_run,
    )
    with project.lock():
        total = 2 + 3 * len(project.episodes())
        units = work.units(wanted)
        summary = run_units(project.store, units, reporter, total=total, dry_run=dry_run)
    for error in work.ended:
        raise error
    if summary.failures:
        raise RunError(summary.failures)
    return StoryRun(summary, reading.budget.spent_tokens, reading.budget.spent_cost)
