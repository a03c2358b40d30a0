"""Unknown people who come back: tracks without a name, grouped by face and offered for naming.

Tracks are joined by average linkage, so that one likeness by chance does not chain two people into
one, and never across a frame that shows both. Each episode is grouped by itself first, and then
its groups with those of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.people.bank import covisible_tracks, track_prints
from castline.people.naming import Track
from castline.people.queries import normalised

if TYPE_CHECKING:
    import polars as pl

__all__ = ["group_strangers", "group_tracks"]

Doubles = npt.NDArray[np.float64]

_LEAST_TRACKS = 2
_NEVER = 1e9
_MOST = 4000
"""The largest groups that are compared at once: the table of their distances grows with their
square, and of thousands of passers-by none comes back often."""


def group_strangers(
    faceprints: pl.DataFrame, faces: pl.DataFrame, names: pl.DataFrame, threshold: float
) -> pl.DataFrame:
    """Fill in `cluster` for faces that nobody of the cast has.

    Args:
        faceprints: Table `faceprints` of all episodes.
        faces: Table `faces` of all episodes.
        names: Table `face_names` of all episodes.
        threshold: Similarity at which two faces are just the same person: that of the library.

    Returns:
        `names` with `cluster` filled in for people seen in at least two tracks: `face-1` is who
        appears in most tracks.
    """
    import polars as pl

    tracks = faces.select("face", "episode", "track").join(
        names.select("face", "character"), on="face", how="inner"
    )
    unknown = tracks.filter(pl.col("character").is_null() & pl.col("track").is_not_null())
    wanted = set(unknown.select("episode", "track").unique().iter_rows())
    prints = {key: rows for key, rows in track_prints(faceprints).items() if key in wanted}
    groups = group_tracks(prints, covisible_tracks(faces), threshold)
    clusters = pl.DataFrame(
        [(*track, name) for track, name in groups.items()],
        schema={"episode": pl.String(), "track": pl.String(), "cluster": pl.String()},
        orient="row",
    )
    found = unknown.join(clusters, on=["episode", "track"]).select("face", "cluster")
    return (
        names.drop("cluster")
        .join(found, on="face", how="left", maintain_order="left")
        .select(names.columns)
    )


def group_tracks(
    prints: Mapping[Track, npt.NDArray[np.float32]],
    together: set[tuple[Track, Track]],
    threshold: float,
) -> dict[Track, str]:
    """Group tracks by face.

    Args:
        prints: (n, d) unit embeddings of each track.
        together: Pairs of tracks that are seen at one moment.
        threshold: Mean similarity at which two groups are still joined.

    Returns:
        The name of the group of each track that is in a group of two or more.
    """
    episodes: dict[str, list[Track]] = {}
    for track in sorted(prints):
        episodes.setdefault(track[0], []).append(track)
    looks = {
        track: normalised(rows.astype(np.float64).mean(axis=0)) for track, rows in prints.items()
    }
    parts: list[list[Track]] = []
    for tracks in episodes.values():
        parts += _linked([[track] for track in tracks], looks, together, threshold)
    groups = _linked(parts, looks, together, threshold)
    groups = [group for group in groups if len(group) >= _LEAST_TRACKS]
    groups.sort(key=lambda group: (-len(group), group[0]))
    return {track: f"face-{number}" for number, group in enumerate(groups, 1) for track in group}


def _linked(
    parts: Sequence[list[Track]],
    looks: Mapping[Track, Doubles],
    together: set[tuple[Track, Track]],
    threshold: float,
) -> list[list[Track]]:
    """Join parts by average linkage on the similarity of their mean looks."""
    if len(parts) < 2:
        return [list(part) for part in parts]
    ranked = sorted(parts, key=lambda part: (-len(part), part[0]))
    parts, alone = ranked[:_MOST], ranked[_MOST:]
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    means = normalised(np.stack([np.mean([looks[t] for t in part], axis=0) for part in parts]))
    apart = 1 - means @ means.T
    place = {track: number for number, part in enumerate(parts) for track in part}
    for a, b in together:
        if a in place and b in place and place[a] != place[b]:
            apart[place[a], place[b]] = apart[place[b], place[a]] = _NEVER
    np.fill_diagonal(apart, 0.0)
    tree = linkage(squareform(np.maximum(apart, 0.0), checks=False), method="average")
    labels = fcluster(tree, 1 - threshold, criterion="distance")
    joined: dict[int, list[Track]] = {}
    for label, part in zip(labels, parts, strict=True):
        joined.setdefault(int(label), []).extend(part)
    return [*(sorted(group) for group in joined.values()), *(list(part) for part in alone)]
