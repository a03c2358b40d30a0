"""What the story of a series is told from: its films, its lines, and who speaks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from castline.story.transcript import Spoken, prompt_language, read_transcript

if TYPE_CHECKING:
    from castline.project import Project
    from castline.tables.store import TableStore

__all__ = ["Film", "Source"]


@dataclass(frozen=True)
class Film:
    """The film of an episode, as far as it was measured.

    Attributes:
        path: The file.
        fingerprint: Changes when its content changes.
        height: Height of its pictures as shown, in pixels.
    """

    path: Path
    fingerprint: str
    height: int


@dataclass(frozen=True)
class Source:
    """A series whose story is told.

    Attributes:
        project: The series.
        labels: Variant of the table `labels` that says who speaks.
    """

    project: Project
    labels: str

    @property
    def store(self) -> TableStore:
        """Its tables."""
        return self.project.store

    @cached_property
    def spoken(self) -> dict[str, list[Spoken]]:
        """What is said, by episode, in the order of the series.

        Raises:
            TableError: A table is damaged.
        """
        return {
            episode: read_transcript(self.store, episode, self.labels)
            for episode in self.project.episodes()
        }

    @cached_property
    def language(self) -> str:
        """Language that prompts are best written in: `zh` or `en`."""
        return prompt_language([each for lines in self.spoken.values() for each in lines])

    def film(self, episode: str) -> Film | None:
        """The film of an episode; None when none was measured, or it has no pictures."""
        if not all(self.store.exists(name, episode) for name in ("media", "shots")):
            return None
        media = self.store.read("media", episode).row(0, named=True)
        if media["height"] is None:
            return None
        path = self.project.folder / media["path"]
        return Film(path, media["fingerprint"], media["height"])

    def digests(self, episode: str, *tables: str) -> dict[str, str]:
        """Digests of tables of an episode, as inputs of a unit; those that are not there left out.

        Args:
            episode: The episode.
            tables: Their names, `name/variant` where there are several.
        """
        found = {}
        for each in tables:
            name, _, variant = each.partition("/")
            manifest = self.store.manifest(name, episode, variant)
            if manifest is not None:
                found[f"{each}/{episode}"] = manifest.digest
        return found

    def said(self, episodes: Sequence[str]) -> dict[str, str]:
        """Digests of what is said and by whom in episodes, as inputs of a unit."""
        names = ("lines", f"labels/{self.labels}")
        return {k: v for each in episodes for k, v in self.digests(each, *names).items()}
