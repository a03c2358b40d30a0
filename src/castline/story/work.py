"""All units of the story of a series, each made up when its turn comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from castline.agents.driver import Session
from castline.agents.embedding import EmbeddingEndpoint, LetterEmbedder
from castline.errors import CastlineError, EndpointError, LimitReached, UnknownName
from castline.pipeline.stage import why_stale
from castline.story.captions import CAPTION
from castline.story.evidence import OF_CLIPS
from castline.story.film_units import clips_unit, likeness_unit
from castline.story.likeness import ColoursAndShades
from castline.story.relations import relation_form
from castline.story.settings import StorySettings
from castline.story.source import Film, Source
from castline.story.summaries import SUMMARY
from castline.story.telling import Form, Teller, own_prompts
from castline.story.told_units import captions_unit, relations_unit, summaries_unit
from castline.tables.catalog import STORY

if TYPE_CHECKING:
    import polars as pl

    from castline.agents.endpoints import Endpoint
    from castline.pipeline.progress import Reporter
    from castline.pipeline.stage import Output, Unit

__all__ = ["Models", "StoryWork"]


@dataclass(frozen=True)
class Models:
    """Who is asked.

    Attributes:
        language: Models that read and write.
        vision: Models that look at pictures; those above when there are none.
        embedding: Says which captions are alike; letters do where there is none.
    """

    language: Sequence[Endpoint]
    vision: Sequence[Endpoint] = ()
    embedding: Endpoint | None = None


@dataclass(frozen=True)
class StoryWork:
    """All units of a run, made up one after the other: later ones depend on earlier tables.

    Attributes:
        ended: Why nobody is asked any more, if so.
    """

    source: Source
    models: Models
    reading: Session
    looking: Session
    settings: StorySettings
    language: str
    prompts: Path | None
    reporter: Reporter
    dry_run: bool
    ended: list[CastlineError] = field(default_factory=list)

    def units(self, steps: set[str]) -> Iterator[Unit]:
        """The units of these steps, in order; none after nobody answers any more."""
        films = self._films() if steps & {"captions", "summaries"} else {}
        if "captions" in steps:
            yield from self._clips(films)
        for episode, film in films.items():
            for unit in self._told(episode, film, steps):
                yield self._watched(unit)
                if self.ended:
                    return
                if not self._done(unit):
                    break
        if "relations" in steps and self._has_cast():
            form = relation_form(self.source.store.read("cast"))
            teller = self._teller("relations", form)
            yield self._watched(relations_unit(self.source, teller, self.settings.relations))

    def _films(self) -> dict[str, Film]:
        """The episodes of which there are pictures."""
        episodes = self.source.spoken
        films = {each: film for each in episodes if (film := self.source.film(each))}
        if not films:
            self.reporter.warn("No film was measured, so nothing is captioned: castline run")
        return films

    def _has_cast(self) -> bool:
        store = self.source.store
        there = store.exists("cast") and store.read("cast").height > 1
        if not there:
            self.reporter.warn("The cast has not two people, so there are no relations to find")
        return there

    def _clips(self, films: Mapping[str, Film]) -> Iterator[Unit]:
        embedder = ColoursAndShades()
        looked_at = []
        for episode, film in films.items():
            unit = likeness_unit(self.source, episode, film, embedder)
            yield unit
            if self._done(unit):
                looked_at.append(episode)
        if looked_at:
            yield clips_unit(self.source, looked_at, self.settings.clips, embedder)

    def _told(self, episode: str, film: Film, steps: set[str]) -> Iterator[Unit]:
        """What is told of one episode."""
        store, settings = self.source.store, self.settings
        if "captions" in steps and (self.dry_run or store.exists("clips", episode, STORY)):
            teller = self._teller("captions", CAPTION)
            yield captions_unit(self.source, episode, film, teller, settings.pictures)
        if "summaries" in steps and (self.dry_run or store.exists("captions", episode, OF_CLIPS)):
            teller = self._teller("summaries", SUMMARY)
            endpoint = self.models.embedding
            embedder = EmbeddingEndpoint(endpoint) if endpoint else LetterEmbedder()
            yield summaries_unit(self.source, episode, teller, settings.sections, embedder)

    def _teller(self, step: str, form: Form) -> Teller:
        looks = step == "captions"
        endpoints = (looks and self.models.vision) or self.models.language
        prompts = own_prompts(step, self.prompts)
        language = self.language or self.source.language
        if language not in prompts.languages:
            raise UnknownName("language of prompts", language, prompts.languages)
        return Teller(
            session=self.looking if looks else self.reading,
            models=tuple(each.identity for each in endpoints),
            prompts=prompts,
            language=language,
            form=form,
        )

    def _watched(self, unit: Unit) -> Unit:
        """The unit; what ends the whole run is noted."""

        def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
            try:
                yield from unit.make(reporter)
            except (EndpointError, LimitReached) as error:
                self.ended.append(error)
                raise

        return dataclasses.replace(unit, make=make)

    def _done(self, unit: Unit) -> bool:
        return self.dry_run or why_stale(self.source.store, unit) is None
