"""Who is what to whom, found anew while the speakers of lines change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from castline.attribution.base import Series
from castline.errors import CastlineError
from castline.story.evidence import read_relations
from castline.story.relations import find_relations, relation_form
from castline.story.settings import StorySettings
from castline.story.telling import Teller, own_prompts
from castline.story.transcript import Spoken, plain, prompt_language
from castline.tables.catalog import STORY

if TYPE_CHECKING:
    import polars as pl

    from castline.agents.driver import Session
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["reader_of_relations"]


def reader_of_relations(
    project: Project,
    series: Series,
    session: Session,
    models: Sequence[str],
    reporter: Reporter,
) -> Callable[[Sequence[str], str], pl.DataFrame] | None:
    """What finds the relations of a series anew by who speaks: see `Story.reread`.

    None where nobody had them found here before: relations that came with the series stay.

    Args:
        project: The series.
        series: Its lines.
        session: Asks the model.
        models: What replies are kept under.
        reporter: Told when it cannot be done; the relations of before stay then.
    """
    if not project.store.exists("relations", variant=STORY):
        return None
    cast = project.store.read("cast")
    language = prompt_language([Spoken(0, 0, (), text) for text in series.texts])
    teller = Teller(
        session=session,
        models=tuple(models),
        prompts=own_prompts("relations", None),
        language=language,
        form=relation_form(cast),
    )
    settings = StorySettings.of(project.settings).relations

    def reread(speakers: Sequence[str], task: str) -> pl.DataFrame:
        try:
            return find_relations(
                teller,
                _spoken(project.episodes(), series, speakers),
                cast,
                settings,
                series=project.name,
                task=task,
                reporter=reporter,
            )
        except CastlineError as error:
            reporter.warn(f"the relations stay as they were: {error}")
            return read_relations(project.store)

    return reread


def _spoken(
    episodes: Sequence[str], series: Series, speakers: Sequence[str]
) -> Mapping[str, Sequence[Spoken]]:
    """What is said in each episode, by these speakers."""
    said: dict[str, list[Spoken]] = {episode: [] for episode in episodes}
    start, end = series.timeline.start_ms.tolist(), series.timeline.end_ms.tolist()
    for row, (text, who) in enumerate(zip(series.texts, speakers, strict=True)):
        spoken = Spoken(start[row], end[row], (plain(who),), plain(text))
        said[episodes[series.episode[row]]].append(spoken)
    return said
