"""The paper's simple baselines: what a method has to beat.

Most frequent face ("facial-aware guess", table 2), nearest seed, and diarization clusters matched
to the cast one to one. None of them looks at the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.attribution.base import (
    HELD,
    NOBODY,
    Attribution,
    Floats,
    Ints,
    Progress,
    Series,
    TablesOnly,
)
from castline.attribution.nearness import window_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "DIARIZATION",
    "MOST_FREQUENT_FACE",
    "NEAREST_SEED",
    "Diarization",
    "DiarizationParams",
    "FaceParams",
    "MostFrequentFace",
    "NearestSeed",
    "NearestSeedParams",
]

Table = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FaceParams:
    """Settings of the face baseline.

    Attributes:
        reach_ms: How far around a line faces count.
        face_score: Least score of a face that counts.
    """

    reach_ms: int = 20_000
    face_score: float = 0.45


@dataclass(frozen=True)
class NearestSeedParams:
    """Settings of the nearest-seed baseline.

    Attributes:
        threshold: Least cosine to a seed; below it nobody of the cast is named. The last
            threshold of the published propagation.
    """

    threshold: float = 0.45


@dataclass(frozen=True)
class DiarizationParams:
    """Settings of the diarization baseline.

    Attributes:
        threshold: Least average cosine at which two clusters of an episode are joined.
        reach_ms: How far around a line faces count.
        face_score: Least score of a face that counts.
        voice_weight: Weight of the voice against faces when clusters are matched to the cast.
    """

    threshold: float = 0.45
    reach_ms: int = 20_000
    face_score: float = 0.45
    voice_weight: float = 1.0


class MostFrequentFace(TablesOnly):
    """Name whoever is seen most often around the line, the first of the cast on a tie."""

    name = "most-frequent-face"
    version = 1
    parameters = FaceParams
    seeded = False

    def attribute(
        self, series: Series, parameters: FaceParams, progress: Progress | None = None
    ) -> Attribution:
        """Label every line. See `Method`."""
        blocks = _face_counts(series, parameters.reach_ms, parameters.face_score)
        return _pick(series, blocks, least=1.0, progress=progress)


class NearestSeed(TablesOnly):
    """Name the speaker of the seed that sounds most alike."""

    name = "nearest-seed"
    version = 1
    parameters = NearestSeedParams
    seeded = True

    def attribute(
        self, series: Series, parameters: NearestSeedParams, progress: Progress | None = None
    ) -> Attribution:
        """Label every line. See `Method`."""
        seeds, cast = _seed_voices(series), len(series.cast)
        blocks = (
            (start, _seed_similarity(seeds, series.voices[start : start + _BLOCK], cast))
            for start in range(0, len(series.lines), _BLOCK)
        )
        return _pick(series, blocks, least=parameters.threshold, progress=progress)


class Diarization(TablesOnly):
    """Cluster the voices of each episode and match clusters to the cast one to one.

    Clusters by average linkage over cosines; the match (Hungarian) maximises how alike a cluster
    sounds to the seeds of a character plus the share of its lines near that character's face,
    weighted by the number of lines. Clusters without a match are new to everybody: others.
    """

    name = "diarization"
    version = 1
    parameters = DiarizationParams
    seeded = False

    def attribute(
        self, series: Series, parameters: DiarizationParams, progress: Progress | None = None
    ) -> Attribution:
        """Label every line. See `Method`."""
        faces = np.concatenate(
            [
                counts > 0
                for _, counts in _face_counts(series, parameters.reach_ms, parameters.face_score)
            ]
            or [np.zeros((0, len(series.cast)), np.bool_)]
        )
        chosen = np.full((len(series.lines), 1), NOBODY, np.int32)
        strength = np.zeros(len(series.lines), np.float32)
        seeds = _seed_voices(series)
        episodes = int(series.episode[-1]) + 1 if len(series.episode) else 0
        for episode in range(episodes):
            rows = np.flatnonzero(series.episode == episode)
            for cluster, character, affinity in self._match(series, seeds, rows, faces, parameters):
                chosen[cluster], strength[cluster] = character, affinity
            if progress:
                progress(episode + 1, episodes)
        offsets = np.concatenate([[0], np.cumsum(chosen[:, 0] >= 0)])
        named = chosen[:, 0] >= 0
        code = np.where(series.seeds >= 0, series.seeds, chosen[:, 0])
        code = np.where(series.seeds == HELD, NOBODY, code)
        return Attribution(code.astype(np.int32), 0, offsets, chosen[named, 0], strength[named])

    def _match(
        self,
        series: Series,
        seeds: dict[int, Floats],
        rows: npt.NDArray[np.intp],
        faces: npt.NDArray[np.bool_],
        parameters: DiarizationParams,
    ) -> Iterator[tuple[npt.NDArray[np.intp], int, float]]:
        from scipy.optimize import linear_sum_assignment

        clusters = [rows[each] for each in _clusters(series.voices[rows], parameters.threshold)]
        if not clusters or not series.cast:
            return
        sizes = np.array([len(members) for members in clusters], np.float32)
        centres = np.stack([series.voices[members].mean(0) for members in clusters])
        near = np.stack([faces[members].mean(0, dtype=np.float32) for members in clusters])
        voice = np.maximum(_seed_similarity(seeds, centres, len(series.cast)), 0)
        affinity = (parameters.voice_weight * voice + near) * sizes[:, None]
        matched, characters = linear_sum_assignment(-affinity)
        for number, character in zip(matched.tolist(), characters.tolist(), strict=True):
            if affinity[number, character] > 0:
                strength = float(affinity[number, character] / sizes[number])
                yield clusters[number], character, strength


_BLOCK = 1024
"""Lines whose scores for the whole cast are held at a time."""


def _face_counts(series: Series, reach_ms: int, score: float) -> Iterator[tuple[int, Table]]:
    """Faces of each member of the cast around each line, block after block of lines."""
    faces = series.faces
    counted = (faces.character >= 0) & (faces.score >= np.float32(score))
    positions = np.flatnonzero(counted).astype(np.int32)
    first, stop = window_spans(faces.start_ms, faces.end_ms, series.timeline, reach_ms, positions)
    characters = faces.character[positions]
    for start in range(0, len(series.lines), _BLOCK):
        size = min(_BLOCK, len(series.lines) - start)
        # Each face adds 1 from its first line and takes it back after its last.
        change = np.zeros((size + 1, len(series.cast)), np.float32)
        inside = (stop > start) & (first < start + size) & (stop > first)
        np.add.at(change, (np.maximum(first[inside] - start, 0), characters[inside]), 1)
        np.add.at(change, (np.minimum(stop[inside] - start, size), characters[inside]), -1)
        yield start, np.cumsum(change, axis=0)[:size]


def _seed_voices(series: Series) -> dict[int, Floats]:
    """The voices of each character's seeds; characters without one are missing."""
    codes = np.unique(series.seeds[series.seeds >= 0]).tolist()
    return {code: series.voices[series.seeds == code] for code in codes}


def _seed_similarity(seeds: dict[int, Floats], voices: Floats, cast: int) -> Table:
    """(rows, cast) cosine to the nearest seed of each character; -1 for those without a seed."""
    scores = np.full((len(voices), cast), -1, np.float32)
    for character, known in seeds.items():
        scores[:, character] = (voices @ known.T).max(1)
    return scores


def _clusters(voices: Floats, threshold: float) -> list[npt.NDArray[np.intp]]:
    """Clusters of voiceprints by average linkage, the largest first."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(voices) < 2:
        return [np.arange(len(voices))] if len(voices) else []
    distance = np.clip(1 - (voices @ voices.T).astype(np.float64), 0, 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform((distance + distance.T) / 2, checks=False), "average")
    label = fcluster(tree, 1 - threshold, "distance")
    sizes = np.bincount(label)
    order = sorted(np.unique(label), key=lambda each: (-int(sizes[each]), int(each)))
    return [np.flatnonzero(label == each) for each in order]


def _pick(
    series: Series,
    blocks: Iterator[tuple[int, Table]],
    *,
    least: float,
    progress: Progress | None,
) -> Attribution:
    """Name the best of each line, seeds as they are; candidates are all who reach `least`."""
    total = len(series.lines)
    code = np.full(total, NOBODY, np.int32)
    counts = np.zeros(total, np.int64)
    candidates: list[Ints] = []
    scores: list[Floats] = []
    for start, table in blocks:
        order = np.argsort(-table, axis=1, kind="stable")
        ranked = np.take_along_axis(table, order, 1)
        enough = ranked >= np.float32(least)
        rows = slice(start, start + len(table))
        if table.shape[1]:
            code[rows] = np.where(enough[:, 0], order[:, 0], NOBODY)
        counts[rows] = enough.sum(1)
        candidates.append(order[enough].astype(np.int32))
        scores.append(ranked[enough])
        if progress:
            progress(start + len(table), total)
    code = np.where(series.seeds >= 0, series.seeds, code)
    code = np.where(series.seeds == HELD, NOBODY, code).astype(np.int32)
    return Attribution(
        code=code,
        voices_found=0,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        candidate=np.concatenate([np.empty(0, np.int32), *candidates]),
        score=np.concatenate([np.empty(0, np.float32), *scores]),
    )


MOST_FREQUENT_FACE = MostFrequentFace()
NEAREST_SEED = NearestSeed()
DIARIZATION = Diarization()
