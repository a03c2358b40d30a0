"""Seeds without anybody's help: voices clustered near faces (protocol `unsupervised`).

Lines of one episode that sound alike are joined to small clusters, pure but many. Who speaks a
cluster is then decided for all clusters of the series together, by who is seen while its lines are
spoken and by how it sounds beside what each character is already taken to have said. The round is
repeated with what it found; demands on what may count fall from round to round, so large and
certain clusters speak first (the greedy order of DramaSR-LRM, section 4.2 and A.3, whose program is
not released). What stays certain at the end is a seed. See docs/unsupervised.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Series
from castline.attribution.nearness import expand_spans, window_spans
from castline.attribution.series import has_voice

__all__ = ["VERSION", "ClusterSeedsParams", "find_cluster_seeds"]

VERSION = 1

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

_LINES_AT_ONCE = 1500
"""Lines clustered together at most; all pairs of them are held: 9 MB. Longer episodes are cut."""

_MOST, _PART, _CLOSE, _NEAR, _NOT = range(5)
"""How a character is seen around a line: at least half of the faces while it is spoken, fewer of
them, just before or after, somewhere near, not at all."""


@dataclass(frozen=True)
class ClusterSeedsParams:
    """Constants of the search. Why these values: docs/unsupervised.md.

    Attributes:
        likeness: Least average cosine inside a cluster of an episode.
        close_ms: A face this near before or after a line is just off it.
        reach_ms: A character is a candidate for lines this near to its faces (published: 20 s).
        sight: Relative odds, above 0, that a character speaks a line while it is: most of what is
            seen, part of it, seen within `close_ms`, within `reach_ms`, not at all.
        unseen: Odds on the same scale that nobody of the cast speaks.
        sight_growth: Evidence of n lines of one cluster counts as that of n to this power: lines of
            a scene share their pictures.
        voice_growth: The same for voices.
        voice_slope: Natural-log odds for each standard deviation of a character's own voice.
        voice_bound: Standard deviations below the mean at which a voice speaks neither for nor
            against.
        few: Lines of a character at which its voice counts half.
        rounds: Rounds of deciding; to count as a character's own voice a cluster must have a
            probability of `certain` in the first and of one half in the last.
        certain: Least probability of a seed.
        smallest: Least lines of a cluster that gives seeds.
        fallback: Least probability for characters who would have no seed otherwise.
    """

    likeness: float = 0.6
    close_ms: int = 2_000
    reach_ms: int = 20_000
    sight: tuple[float, float, float, float, float] = (1.0, 0.6, 0.35, 0.05, 0.005)
    unseen: float = 0.05
    sight_growth: float = 0.5
    voice_growth: float = 0.5
    voice_slope: float = 1.0
    voice_bound: float = 2.0
    few: float = 15.0
    rounds: int = 8
    certain: float = 0.99
    smallest: int = 2
    fallback: float = 0.7


def find_cluster_seeds(series: Series, parameters: ClusterSeedsParams) -> Ints:
    """Find lines whose speaker is certain from faces and voices alone.

    Args:
        series: The series; lines already in `seeds` are given. They are kept, and decide the
            cluster they lie in.
        parameters: Constants.

    Returns:
        (N,) code of the speaker at seed lines, `NOBODY` elsewhere, given lines of nobody included.
        Deterministic. Time O(N (L + C') D) for L lines an episode and C' characters near a line.
    """
    cluster = _parted(_voice_clusters(series, parameters.likeness), series.seeds)
    seeds = np.where(series.seeds >= 0, series.seeds, NOBODY).astype(np.int32)
    if not (cluster >= 0).any() or not series.cast:
        return seeds
    board = _Board(series, cluster, parameters)
    speaker, probability = board.decide()
    chosen = _choose(speaker, probability, board.size, len(series.cast), seeds, parameters)
    found = np.where(cluster >= 0, chosen[cluster], NOBODY)
    return np.where(series.seeds == NOBODY, found, seeds).astype(np.int32)


def _voice_clusters(series: Series, likeness: float) -> Ints:
    """(N,) number of the voice cluster of each line; -1 for lines without a voice."""
    cluster = np.full(len(series.lines), -1, np.int32)
    audible = np.flatnonzero(has_voice(series.voices))
    episode = series.episode[audible]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(episode)) + 1, [audible.size]])
    count = 0
    for begin, end in pairwise(edges.tolist()):
        pieces = -(-(end - begin) // _LINES_AT_ONCE)
        cuts = np.linspace(begin, end, pieces + 1).astype(int) if pieces else [begin]
        for low, high in pairwise(cuts):
            rows = audible[low:high]
            label = _average_linkage(series.voices[rows], likeness)
            cluster[rows] = label + count
            count += int(label.max()) + 1
    return cluster


def _average_linkage(voices: Floats, likeness: float) -> Ints:
    """(n,) number of the cluster of each row, from 0."""
    from scipy.cluster.hierarchy import fcluster, linkage

    n = len(voices)
    if n == 1:
        return np.zeros(1, np.int32)
    upper = np.triu_indices(n, 1)
    distance = np.clip(1 - (voices @ voices.T)[upper], 0, 2).astype(np.float64)
    label = fcluster(linkage(distance, "average"), 1 - likeness, "distance")
    return (label - 1).astype(np.int32)


class _Board:
    """All clusters and whoever may speak them: P pairs of one of K clusters and a character.

    Attributes:
        size: (K,) lines of each cluster.
    """

    def __init__(self, series: Series, cluster: Ints, parameters: ClusterSeedsParams) -> None:
        from scipy.sparse import csr_array

        self._parameters = parameters
        self._cast = len(series.cast)
        rows = np.flatnonzero(cluster >= 0)
        k = int(cluster.max()) + 1
        self.size: Places = np.bincount(cluster[rows], minlength=k)
        ones = np.ones(rows.size, np.float32)
        member = csr_array((ones, (cluster[rows], rows)), shape=(k, cluster.size))
        self._sum: Floats = member @ series.voices
        self._own: Doubles = np.einsum("kd,kd->k", self._sum, self._sum).astype(np.float64)
        self._fixed = np.full(k, NOBODY, np.int32)
        given = rows[series.seeds[rows] != NOBODY]
        self._fixed[cluster[given]] = series.seeds[given]
        seen = _sightings(series, parameters)
        self._cluster, self._character, seen_lines = _pairs(
            seen, cluster, self.size, self._fixed, self._cast
        )
        weight = self.size ** (parameters.sight_growth - 1.0)
        self._sight: Doubles = (seen_lines @ np.log(parameters.sight)) * weight[self._cluster]
        self._nobody: Doubles = np.log(parameters.unseen) * self.size * weight
        self._pace: Doubles = self.size.astype(np.float64) ** parameters.voice_growth

    def decide(self) -> tuple[Ints, Doubles]:
        """(K,) likeliest character of each cluster, or -1; (K,) its probability."""
        p = self._probabilities(np.zeros(self._cluster.size))
        for demand in np.linspace(self._parameters.certain, 0.5, self._parameters.rounds):
            p = self._probabilities(self._voice(p, float(demand)))
        order = np.lexsort((-self._character, p, self._cluster))
        last = np.append(np.diff(self._cluster[order]) > 0, True) if order.size else order
        best = order[last.astype(bool)]
        speaker = np.full(self.size.size, NOBODY, np.int32)
        probability = np.zeros(self.size.size)
        speaker[self._cluster[best]] = self._character[best]
        probability[self._cluster[best]] = p[best]
        return speaker, probability

    def _probabilities(self, voice: Doubles) -> Doubles:
        """(P,) of each pair, from faces and the given log odds of voices."""
        score = self._sight + voice
        top = self._nobody.copy()
        np.maximum.at(top, self._cluster, score)
        odds = np.exp(score - top[self._cluster])
        total = np.exp(self._nobody - top) + np.bincount(
            self._cluster, odds, minlength=self.size.size
        )
        p: Doubles = odds / total[self._cluster]
        fixed = self._fixed[self._cluster]
        return np.where(fixed == NOBODY, p, (fixed == self._character).astype(np.float64))

    def _voice(self, p: Doubles, demand: float) -> Doubles:
        """(P,) log odds of each pair by how the cluster sounds beside the character's others.

        Only what is at least as probable as `demand` counts as the character's.
        """
        from scipy.sparse import csr_array

        held = np.where((p >= demand) & (self.size[self._cluster] > 1), p, 0.0)
        held = np.where(self._fixed[self._cluster] >= 0, p, held)
        share = csr_array(
            (held.astype(np.float32), (self._character, self._cluster)),
            shape=(self._cast, self.size.size),
        )
        centre: Floats = share @ self._sum
        norm = np.einsum("cd,cd->c", centre, centre).astype(np.float64)[self._character]
        lines = (share @ self.size.astype(np.float64))[self._character]
        dot = np.empty(p.size)
        for low in range(0, p.size, 16_384):
            part = slice(low, low + 16_384)
            dot[part] = np.einsum(
                "pd,pd->p", self._sum[self._cluster[part]], centre[self._character[part]]
            )
        # A cluster must not vouch for itself: its own part is taken out of the centre.
        own, n = self._own[self._cluster], self.size[self._cluster]
        rest = np.maximum(norm - 2 * held * dot + held**2 * own, 1e-12)
        lines = np.maximum(lines - held * n, 0)
        cosine = (dot - held * own) / (np.sqrt(rest) * n)
        good = (held > 0.9) & (lines > 20)
        if not good.any():
            return np.zeros(p.size)
        mean = np.average(cosine[good], weights=n[good])
        spread = max(np.sqrt(np.average((cosine[good] - mean) ** 2, weights=n[good])), 0.01)
        # The centre of few lines lies off the voice; alike for all, so cosines are scaled up.
        pairwise_cosine = mean**2
        blur = np.sqrt(lines * pairwise_cosine / (1 + np.maximum(lines - 1, 0) * pairwise_cosine))
        cosine = np.clip(cosine / np.maximum(blur, 0.3), -1, 1)
        settings = self._parameters
        z = (cosine - mean) / spread + settings.voice_bound
        trust = lines / (lines + settings.few)
        voice: Doubles = settings.voice_slope * z * trust * self._pace[self._cluster]
        return voice


def _parted(cluster: Ints, seeds: Ints) -> Ints:
    """(N,) clusters without those in which given lines have different speakers.

    Such a cluster is not pure and says nothing about its other lines: they are taken out, and each
    given line is a cluster of its own.
    """
    k = int(cluster.max(initial=-1)) + 1
    given = np.flatnonzero((seeds != NOBODY) & (cluster >= 0))
    # One more than there are clusters: the place of lines without one.
    low = np.full(k + 1, np.iinfo(np.int32).max, np.int32)
    high = np.full(k + 1, np.iinfo(np.int32).min, np.int32)
    np.minimum.at(low, cluster[given], seeds[given])
    np.maximum.at(high, cluster[given], seeds[given])
    mixed = low < high
    alone = given[mixed[cluster[given]]]
    parted = np.where((cluster >= 0) & ~mixed[cluster], cluster, -1)
    parted[alone] = k + np.arange(alone.size)
    _, renumbered = np.unique(np.append(parted, -1), return_inverse=True)
    return (renumbered[:-1] - 1).astype(np.int32)


def _sightings(series: Series, parameters: ClusterSeedsParams) -> tuple[Places, Ints]:
    """Who is seen how around each line: keys line * C + character, ascending, and their kinds."""
    order = np.argsort(series.faces.start_ms, kind="stable")
    start, end = series.faces.start_ms[order], series.faces.end_ms[order]
    character = series.faces.character[order].astype(np.int64)
    cast = len(series.cast)
    keys, kinds = [], []
    first, stop = window_spans(start, end, series.timeline, 0)
    span = np.maximum(stop - first, 0).astype(np.int64)
    line = np.arange(span.sum()) + np.repeat(first - (np.cumsum(span) - span), span)
    seen = np.repeat(character, span)
    everybody = np.bincount(line, minlength=len(series.lines))
    key, count = np.unique((line * cast + seen)[seen >= 0], return_counts=True)
    keys.append(key)
    kinds.append(np.where(2 * count >= everybody[key // cast], _MOST, _PART))
    by_character = np.argsort(character, kind="stable").astype(np.int32)
    bounds = np.searchsorted(character[by_character], np.arange(cast + 1))
    for kind, reach in ((_CLOSE, parameters.close_ms), (_NEAR, parameters.reach_ms)):
        first, stop = window_spans(start, end, series.timeline, reach, by_character)
        lines = [expand_spans(first[a:b], stop[a:b]) for a, b in pairwise(bounds.tolist())]
        key = np.concatenate([each.astype(np.int64) * cast + c for c, each in enumerate(lines)])
        keys.append(key)
        kinds.append(np.full(key.size, kind))
    key, closest = np.unique(np.concatenate(keys), return_index=True)
    return key, np.concatenate(kinds)[closest].astype(np.int32)


def _pairs(
    seen: tuple[Places, Ints], cluster: Ints, size: Places, fixed: Ints, cast: int
) -> tuple[Ints, Ints, Doubles]:
    """Pairs of a cluster and a character, (P,) each, and (P, 5) lines by how it is seen."""
    key, kind = seen
    own = cluster[key // cast].astype(np.int64)
    heard = own >= 0
    given = np.flatnonzero(fixed >= 0)
    both = np.concatenate([own[heard] * cast + key[heard] % cast, given * cast + fixed[given]])
    pair, place = np.unique(both, return_inverse=True)
    lines = np.zeros((pair.size, _NOT + 1))
    np.add.at(lines, (place[: int(heard.sum())], kind[heard]), 1)
    k = (pair // cast).astype(np.int32)
    lines[:, _NOT] = size[k] - lines.sum(1)
    return k, (pair % cast).astype(np.int32), lines


def _choose(
    speaker: Ints,
    probability: Doubles,
    size: Places,
    cast: int,
    given: Ints,
    parameters: ClusterSeedsParams,
) -> Ints:
    """(K,) the character to whom each cluster is a seed, or -1."""
    named = speaker >= 0
    sure = named & (size >= parameters.smallest) & (probability >= parameters.certain)
    chosen = np.where(sure, speaker, NOBODY)
    silent = np.ones(cast, bool)
    silent[speaker[sure]] = False
    silent[given[given >= 0]] = False
    # Second phase: for those left over, the best they have, if it is more likely theirs than not.
    rest = np.flatnonzero(named & silent[speaker] & (probability >= parameters.fallback))
    for each in rest[np.lexsort((rest, -probability[rest] * size[rest]))]:
        if silent[speaker[each]]:
            chosen[each] = speaker[each]
            silent[speaker[each]] = False
    return chosen.astype(np.int32)
