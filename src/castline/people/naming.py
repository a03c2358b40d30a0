"""Whose face each track is: one name for a whole track, no name twice in a frame, or none at all.

A track is asked with its best faces together: the mean of their similarities to a character. It is
given a name when that is enough and clearly more than for anybody else it could still be, where
people who are seen beside it are ruled out. A face that is nobody's stays nobody's: a missing name
does less harm than a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from castline.people.bank import (
    LEAST_SCORE,
    Bank,
    common_score,
    covisible_tracks,
    track_prints,
)
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = ["NamingSettings", "Track", "assign", "name_tracks"]

Doubles = npt.NDArray[np.float64]
Track = tuple[str, str]
"""Episode and track."""

_SOURCE = "library"


@dataclass(frozen=True)
class NamingSettings:
    """When a track is given a name.

    Attributes:
        least_score: Least score on the common scale, where 0.45 is the library's threshold.
        margin: The distance to the character is at most this share of the distance to the next
            one; 1 asks for no margin.
    """

    least_score: Annotated[float, msgspec.Meta(ge=-1, le=1)] = LEAST_SCORE
    margin: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.92


def name_tracks(
    faceprints: pl.DataFrame,
    faces: pl.DataFrame,
    library: pl.DataFrame,
    settings: NamingSettings | None = None,
) -> pl.DataFrame:
    """Name the faces of one or several episodes.

    Args:
        faceprints: Table `faceprints`.
        faces: Table `faces` of the same episodes; tells which tracks are seen together.
        library: Table `library`; nobody is named when it is empty.
        settings: When to give a name.

    Returns:
        Table `face_names`, one row for each row of `faces` and in its order. All faces of a track
        have one name and one score: that of the character, or of the most similar character where
        nobody is named; 0 where nothing could be asked. `cluster` is missing everywhere.
    """
    import polars as pl

    bank = Bank.read(library)
    prints = track_prints(faceprints) if bank else {}
    rows: list[tuple[str, str, str | None, float]] = []
    if bank and prints:
        scores = track_scores(bank, prints)
        names = assign(scores, covisible_tracks(faces), settings or NamingSettings())
        for place, (episode, track) in enumerate(prints):
            named = names.get((episode, track))
            score = scores.common[place].max() if named is None else scores.common[place, named]
            character = None if named is None else bank.characters[named]
            rows.append((episode, track, character, float(score)))
    named_tracks = pl.DataFrame(
        rows,
        schema={
            "episode": pl.String(),
            "track": pl.String(),
            "character": pl.String(),
            "score": pl.Float32(),
        },
        orient="row",
    )
    joined = (
        faces.select("face", "episode", "track")
        .join(named_tracks, on=["episode", "track"], how="left", maintain_order="left")
        .with_columns(pl.col("score").fill_null(0.0))
    )
    return build_frame(table("face_names"), joined.drop("track"), source=_SOURCE)


@dataclass(frozen=True)
class TrackScores:
    """How like each character each track is.

    Attributes:
        tracks: The t tracks.
        common: (t, m) scores on the common scale.
        distances: (t, m) Euclidean distances, for the margin.
    """

    tracks: tuple[Track, ...]
    common: Doubles
    distances: Doubles


def track_scores(bank: Bank, prints: Mapping[Track, npt.NDArray[np.float32]]) -> TrackScores:
    """Ask the bank about each track: the mean over its faces."""
    stacked = bank.similarities(np.concatenate([*prints.values()]))
    starts = np.cumsum([0, *(len(each) for each in prints.values())])[:-1]
    counts = np.array([len(each) for each in prints.values()])
    similar = np.add.reduceat(stacked, starts, axis=0) / counts[:, None]
    distances = np.sqrt(np.maximum(2 - 2 * similar, 0.0))
    return TrackScores(tuple(prints), common_score(similar, bank.threshold), distances)


def assign(
    scores: TrackScores,
    together: set[tuple[Track, Track]],
    settings: NamingSettings,
) -> dict[Track, int]:
    """Give names to tracks so that no name is on two tracks that are seen together.

    Tracks seen together are decided together: the assignment with the largest sum of scores above
    the least one, where any track may also stay without a name.

    Args:
        scores: Of all tracks.
        together: Pairs of tracks that are seen at one moment.
        settings: When to give a name.

    Returns:
        Position of the character in the bank, for each track that is given a name.
    """
    rows = {track: row for row, track in enumerate(scores.tracks)}
    beside: list[set[int]] = [set() for _ in rows]
    for a, b in together:
        if a in rows and b in rows:
            beside[rows[a]].add(rows[b])
            beside[rows[b]].add(rows[a])
    claims: dict[int, int] = {}
    for group in _groups(beside, scores.common.max(axis=1)):
        open_rows = [row for row in group if row not in claims]
        worth = scores.common[open_rows] - settings.least_score
        for place, row in enumerate(open_rows):
            taken = [claims[other] for other in beside[row] if other in claims]
            worth[place, taken] = -1.0
        for place, character in _best_pairs(worth):
            claims[open_rows[place]] = character
    kept = _clear_ones(claims, beside, scores.distances, settings.margin)
    return {scores.tracks[row]: character for row, character in sorted(kept.items())}


def _groups(beside: Sequence[set[int]], best: Doubles) -> list[list[int]]:
    """Each track with those beside it, the most certain track first."""
    order = np.argsort(-best, kind="stable")
    return [[int(row), *sorted(beside[row])] for row in order]


def _best_pairs(worth: Doubles) -> list[tuple[int, int]]:
    """(track, character) pairs with the largest sum; a worth below 0 is never taken."""
    if not (worth >= 0).any():
        return []
    from scipy.optimize import linear_sum_assignment

    # One column of worth 0 for each track: to stay without a name costs nothing.
    unnamed = np.zeros((len(worth), len(worth)))
    table_of_worth = np.concatenate([np.where(worth >= 0, worth + 1e-9, -1e3), unnamed], axis=1)
    rows, columns = linear_sum_assignment(table_of_worth, maximize=True)
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if column < worth.shape[1]
    ]


def _clear_ones(
    claims: Mapping[int, int], beside: Sequence[set[int]], distances: Doubles, margin: float
) -> dict[int, int]:
    """Keep the claims with a margin to whoever else it could be.

    First against everybody; then, for those that failed, without the people who are surely beside
    them: next to one twin stands the other.
    """

    def clear(row: int, beside_it: Sequence[int]) -> bool:
        rivals = np.delete(distances[row], [claims[row], *beside_it])
        return not rivals.size or float(distances[row, claims[row]]) <= margin * float(rivals.min())

    firm = {row: character for row, character in claims.items() if clear(row, [])}
    second = {
        row: character
        for row, character in claims.items()
        if row not in firm and clear(row, [firm[other] for other in beside[row] if other in firm])
    }
    return firm | second
