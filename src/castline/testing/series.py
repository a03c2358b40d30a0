"""Synthetic series: invented people talk in scenes, with voices, faces and the truth.

Every character is a direction on the unit sphere; a line's voiceprint is its speaker's direction
plus noise, more of it for short lines, part of it shared by the lines of one person in one scene.
Faces of those present are sampled about once a second and sometimes missed or mistaken. The
numbers follow those of the series of the DramaSR release: at the default noise, label propagation
gets most lines right, not all.

Episodes are made one by one, each from its own generator, so a series of any length needs the
memory of one episode and of the cast. Same shape, same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from castline.tables.catalog import GIVEN, NARRATOR, table
from castline.tables.schema import build_frame
from castline.testing.scenes import Episode, make_episode
from castline.testing.shape import SeriesShape
from castline.testing.words import NARRATOR_NAME

if TYPE_CHECKING:
    import polars as pl

    from castline.project import Project

__all__ = [
    "SOURCE",
    "SeriesShape",
    "SeriesWide",
    "SyntheticEpisode",
    "SyntheticSeries",
    "iter_episodes",
    "make_series",
    "write_series",
]

SOURCE = "synthetic"
"""What the rows name as their source, and the stage that writes them."""

_SEED_SHARE = 100
_SEED_MS = 1000
_RELATIONS = ("friend", "enemy", "teacher", "sister", "邻居", "old flame")


@dataclass(frozen=True)
class SyntheticEpisode:
    """The tables of one episode.

    Attributes:
        name: Its id, `0001`.
        lines: The `lines` table.
        truth: Who really speaks.
        faces: The `faces` table.
        face_names: Whose faces they are taken for.
        voices: Voiceprints, not normalised.
    """

    name: str
    lines: pl.DataFrame
    truth: pl.DataFrame
    faces: pl.DataFrame
    face_names: pl.DataFrame
    voices: pl.DataFrame

    def tables(self) -> dict[str, pl.DataFrame]:
        """The frames by the name of their table; `lines` last, since they make the episode."""
        names = ("voices", "faces", "face_names", "truth", "lines")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class SyntheticSeries:
    """A whole series in memory.

    Attributes:
        shape: What it was made from.
        episodes: Its episodes, in order.
        cast: The `cast` table.
        relations: The `relations` table.
        seeds: The `seeds` table, variant `given`.
        episode_list: The `episodes` table.
    """

    shape: SeriesShape
    episodes: tuple[SyntheticEpisode, ...]
    cast: pl.DataFrame
    relations: pl.DataFrame
    seeds: pl.DataFrame
    episode_list: pl.DataFrame

    def table(self, name: str) -> pl.DataFrame:
        """The rows of a table of all episodes (`lines`, `truth`, …), in order."""
        import polars as pl

        return pl.concat([episode.tables()[name] for episode in self.episodes])


def make_series(
    *,
    cast: int,
    lines: int,
    noise: float = 0.85,
    seed: int = 0,
    episodes: int | None = None,
    width: int = 192,
    extras: float = 0.12,
    narrator: bool = True,
    oddities: float = 0.01,
) -> SyntheticSeries:
    """Make a whole series in memory; the arguments are those of `SeriesShape`.

    Raises:
        UsageError: An argument is out of range.
    """
    shape = SeriesShape(
        cast, lines, noise, seed, episodes, width, extras, narrator=narrator, oddities=oddities
    )
    made = tuple(iter_episodes(shape))
    wide = SeriesWide(shape)
    for episode in made:
        wide.add(episode)
    tables = wide.tables()
    return SyntheticSeries(
        shape, made, tables["cast"], tables["relations"], tables["seeds"], tables["episodes"]
    )


def iter_episodes(shape: SeriesShape) -> Iterator[SyntheticEpisode]:
    """Make the episodes of a series one after the other; none is kept."""
    for number, lines in enumerate(shape.lines_of_episodes):
        made = make_episode(
            shape.people,
            number,
            lines,
            noise=shape.noise,
            seed=shape.seed,
            extras=shape.extras,
            oddities=shape.oddities,
        )
        yield _frames(made)


def _frames(made: Episode) -> SyntheticEpisode:
    import polars as pl

    def frame(name: str, columns: dict[str, Any]) -> pl.DataFrame:
        return build_frame(table(name), columns, episode=made.name, source=SOURCE)

    numbers = range(len(made.start_ms))
    line = [f"{made.name}-{number + 1:05d}" for number in numbers]
    face = [f"{made.name}-f{number + 1:06d}" for number in range(len(made.face_ms))]
    box = {side: made.boxes[:, at] for at, side in enumerate(("left", "top", "right", "bottom"))}
    width = made.voices.shape[1]
    return SyntheticEpisode(
        made.name,
        lines=frame(
            "lines",
            {
                "line": line,
                "number": list(numbers),
                "start_ms": made.start_ms,
                "end_ms": made.end_ms,
                "text": made.texts,
                "kind": ["speech"] * len(line),
            },
        ),
        truth=frame(
            "truth",
            {
                "line": line,
                "speaker": made.speaker,
                "speakers": made.speakers,
                "deleted": made.deleted,
                "unknown": made.unknown,
            },
        ),
        faces=frame(
            "faces", {"face": face, "start_ms": made.face_ms, "end_ms": made.face_ms, **box}
        ),
        face_names=frame(
            "face_names",
            {
                "face": face,
                "character": made.face_character,
                "cluster": made.face_cluster,
                "score": made.face_score,
            },
        ),
        voices=frame(
            "voices",
            {
                "line": line,
                "embedding": pl.Series(made.voices, dtype=pl.Array(pl.Float32, width)),
            },
        ),
    )


@dataclass
class SeriesWide:
    """Gathers the tables of the whole series while its episodes go by.

    Attributes:
        shape: The series.
    """

    shape: SeriesShape
    _episodes: list[str] = field(default_factory=list)
    _faces: dict[str, int] = field(default_factory=dict)
    _spoken: dict[str, list[tuple[str, str, bool]]] = field(default_factory=dict)

    def add(self, episode: SyntheticEpisode) -> None:
        """Take note of an episode. Episodes come in order."""
        self._episodes.append(episode.name)
        counted = episode.face_names["character"].drop_nulls().value_counts()
        for name, count in counted.iter_rows():
            self._faces[name] = self._faces.get(name, 0) + count
        long = (episode.lines["end_ms"] - episode.lines["start_ms"] >= _SEED_MS).to_list()
        known = set(self.shape.people.cast)
        for line, speaker, enough in zip(
            episode.lines["line"], episode.truth["speaker"], long, strict=True
        ):
            if speaker in known:
                self._spoken.setdefault(speaker, []).append((episode.name, line, enough))

    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables `cast`, `episodes`, `relations` and `seeds` of what has gone by."""
        people = self.shape.people
        names = people.cast
        cast = build_frame(
            table("cast"),
            {
                "character": names,
                "other_names": people.other_names,
                "actor": people.actors,
                "kind": [NARRATOR if name == NARRATOR_NAME else "character" for name in names],
                "faces": [self._faces.get(name, 0) for name in names],
            },
            source=SOURCE,
        )
        episodes = build_frame(
            table("episodes"), {"episode": self._episodes}, language="mul", source=SOURCE
        )
        circle = names[: min(self.shape.cast, 2 * len(_RELATIONS))]
        pairs = pairwise(circle)
        both = [(*pair, _RELATIONS[at % len(_RELATIONS)]) for at, pair in enumerate(pairs)]
        both += [(b, a, relation) for a, b, relation in both]
        relations = build_frame(
            table("relations"),
            {name: [row[at] for row in both] for at, name in enumerate(("from", "to", "relation"))},
            source=SOURCE,
        )
        seeds = self._seeds()
        return {"cast": cast, "episodes": episodes, "relations": relations, "seeds": seeds}

    def _seeds(self) -> pl.DataFrame:
        """One line in a hundred of each character, at least one: some of its longer lines in a row.

        From one scene, as the released seeds often are, so that a method has to find the rest.
        """
        rows: list[tuple[str, str, str]] = []
        # Most lines first, ties by first appearance: the order of the release.
        for name, spoken in sorted(self._spoken.items(), key=lambda item: -len(item[1])):
            wanted = max(1, len(spoken) // _SEED_SHARE)
            pool = [each for each in spoken if each[2]]
            if len(pool) < wanted:
                pool = spoken
            first = (len(pool) - wanted) // 2
            for episode, line, _ in pool[first : first + wanted]:
                rows.append((line, episode, name))
        columns = {n: [row[at] for row in rows] for at, n in enumerate(("line", "episode"))}
        columns["character"] = [row[2] for row in rows]
        return build_frame(table("seeds"), columns, origin=GIVEN, source=SOURCE)


def write_series(project: Project, series: SyntheticSeries | SeriesShape) -> None:
    """Write a series into a project; a shape is made and written episode by episode.

    Raises:
        ProjectBusy: Another run works in the project.
        StorageError: The disk refused.
    """
    import hashlib

    import msgspec

    shape = series if isinstance(series, SeriesShape) else series.shape
    parameters = asdict(shape)
    key = hashlib.sha256(msgspec.json.encode([SOURCE, 1, parameters], order="sorted")).hexdigest()

    def write(name: str, frame: pl.DataFrame, unit: str, variant: str = "") -> None:
        project.store.write(
            name, frame, unit, variant,
            stage=f"{SOURCE}@1", key=key, parameters=parameters, inputs={},
        )  # fmt: skip

    episodes: Iterable[SyntheticEpisode] = (
        iter_episodes(shape) if isinstance(series, SeriesShape) else series.episodes
    )
    wide = SeriesWide(shape)
    with project.lock():
        for episode in episodes:
            wide.add(episode)
            for name, frame in episode.tables().items():
                write(name, frame, episode.name)
        tables = wide.tables()
        if isinstance(series, SyntheticSeries):
            # As given: a test may have changed them.
            tables = {
                "cast": series.cast,
                "relations": series.relations,
                "seeds": series.seeds,
                "episodes": series.episode_list,
            }
        for name, frame in tables.items():
            write(name, frame, "series", GIVEN if name == "seeds" else "")
