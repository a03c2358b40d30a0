"""Lines of one voice, found by voice alone, and whose face keeps appearing with it.

Voices that the labels miss show here: a voice whose lines are all called others, but whose lines
keep showing one known face, is likely to be that person's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY
from castline.attribution.fusion.linkage import average_linkage, nearest_rows
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.sums import weighted_sums
from castline.attribution.fusion.voice_space import NOBODY_SURE, sure_speakers
from castline.attribution.series import has_voice

__all__ = ["FRACTIONS", "NO_CLUSTER", "cluster_columns", "voice_clusters"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]

FRACTIONS = (1.1, 1.5)
"""How alike clusters of the series are: 0 as two people, 1 as one and the same, on average."""

NO_CLUSTER = -1
"""Cluster of a line that is in none."""

_EPISODE_FRACTION = 1.3
"""The same for the clusters of an episode that are joined to those of the series."""

_SOLID_S = 0.7
"""Seconds from which a line helps to make clusters; shorter ones join them."""

_LONGEST_S = 4.0
"""Seconds from which a line counts no more for the centre of its cluster."""

_ALIKE = 0.6
"""Mean cosine from which clusters are joined however alike one person's are: where voices are easy
to tell, the fractions above would ask for more than identical."""

_SAMPLE = 3000
"""Lines by which it is measured how alike lines are."""

_PURE = 0.7
"""Share from which a cluster is one person's."""

_MOST_AT_ONCE = 4096
"""Lines of an episode that are clustered together; longer ones are cut."""

_MOST_CENTRES = 8192
"""Clusters of episodes that are joined; the smaller ones beyond join the nearest."""

_COUNTED_S = 2.0
"""Seconds from which a line counts no more for what is seen with its voice."""

_PRIOR_S = 0.5
"""Seconds of nothing seen, added to what is seen with a voice."""

_RARE = 0.01
"""Share of lines below which somebody's face is not thought rarer."""


def voice_clusters(
    episode: npt.NDArray[Any], unit: Floats, share: Floats, length_s: Floats
) -> Indices:
    """Group lines by voice: inside each episode first, then over the series.

    Average linkage both times. The labels only tell how alike lines of one person are; whose a
    line is takes no part.

    Args:
        episode: (N,) index of the episode of each line; an episode's lines stand together.
        unit: (N, D) adapted voiceprints of norm 1; zeros without a voice.
        share: (N, C + 1) probability of each of the cast and, last, of others, for each line.
        length_s: (N,) seconds of the lines.

    Returns:
        (N, 2) number of the cluster of each line at the two `FRACTIONS`, coarse and fine;
        `NO_CLUSTER` without a voice, and where all lines of an episode are very short.
    """
    heard = has_voice(unit)
    solid = heard & (length_s >= _SOLID_S)
    runs = list(_runs(episode))
    local = _cluster_runs(runs, unit, solid, _likeness_of_lines(unit, share, solid))
    count = int(local.max(initial=NO_CLUSTER)) + 1
    centre = _unit(weighted_sums(local, np.minimum(length_s, _LONGEST_S), unit, count))
    size = np.bincount(local[solid], minlength=count)
    likeness = _likeness_of_centres(centre, local, size, share)
    names = _join_clusters(centre, size, [likeness.at(fraction) for fraction in FRACTIONS])
    _let_join(runs, heard & ~solid, unit, centre, local)
    # The last row is for lines whose local cluster is -1.
    return np.vstack([names, np.full((1, len(FRACTIONS)), NO_CLUSTER)])[local]


def _runs(episode: npt.NDArray[Any]) -> Iterator[slice]:
    """The lines of each episode, in pieces if it is very long."""
    edges = np.flatnonzero(np.diff(episode)) + 1
    for begin, end in pairwise([0, *edges.tolist(), len(episode)]):
        pieces = max(1, -(-(end - begin) // _MOST_AT_ONCE))
        cuts = np.linspace(begin, end, pieces + 1).astype(int).tolist()
        yield from (slice(first, last) for first, last in pairwise(cuts))


@dataclass(frozen=True)
class _Likeness:
    """Mean cosines of pairs.

    Attributes:
        other: Of two people.
        same: Of one person.
    """

    other: float
    same: float

    @classmethod
    def of(cls, unit: Floats, person: Indices, usual: _Likeness) -> _Likeness:
        """Measure all pairs of rows; what is usual where there are none, or labels tell nothing.

        Args:
            unit: (M, D) rows of norm 1.
            person: (M,) whose each is, 0 or more.
            usual: What it is in most series.
        """
        if len(unit) == 0:
            return usual
        size = np.bincount(person)
        sums = weighted_sums(person, np.ones(len(unit)), unit, len(size)).astype(np.float64)
        # A sum's square holds every pair twice, and every row with itself.
        within, total = np.square(sums).sum(), np.square(sums.sum(axis=0)).sum()
        same_pairs = np.square(size).sum() - len(unit)
        other_pairs = len(unit) ** 2 - np.square(size).sum()
        if same_pairs == 0 or other_pairs == 0:
            return usual
        same = (within - len(unit)) / same_pairs
        other = (total - within) / other_pairs
        return cls(float(other), float(same)) if same > other else usual

    def at(self, fraction: float) -> float:
        """The cosine at a fraction of the way from two people to one."""
        return min(self.other + fraction * (self.same - self.other), _ALIKE)


_USUAL_LINES = _Likeness(other=0.0, same=0.2)
_USUAL_CENTRES = _Likeness(other=0.0, same=0.3)
"""About what they are in long series."""


def _likeness_of_lines(unit: Floats, share: Floats, solid: Bools) -> _Likeness:
    """Measured on a sample of the lines whose speaker is sure."""
    speaker = sure_speakers(share)
    sure = np.flatnonzero(solid & (speaker != NOBODY_SURE))
    sample = np.random.default_rng(0).choice(sure, min(_SAMPLE, len(sure)), replace=False)
    return _Likeness.of(unit[sample], speaker[sample], _USUAL_LINES)


def _likeness_of_centres(centre: Floats, local: Indices, size: Indices, share: Floats) -> _Likeness:
    """Measured on clusters that are mostly one person's, by the labels."""
    shares = weighted_sums(local, np.ones(len(local)), share, len(centre))
    person = shares.argmax(axis=1)
    pure = shares.max(axis=1) > _PURE * shares.sum(axis=1)
    chosen = pure & (size >= 2) & (person < share.shape[1] - 1)
    return _Likeness.of(centre[chosen], person[chosen], _USUAL_CENTRES)


def _cluster_runs(runs: list[slice], unit: Floats, solid: Bools, likeness: _Likeness) -> Indices:
    """(N,) cluster of each solid line, numbered through the series; -1 for the others."""
    local = np.full(len(unit), NO_CLUSTER, np.int64)
    count = 0
    for run in runs:
        lines = np.flatnonzero(solid[run]) + run.start
        (found,) = average_linkage(unit[lines], [likeness.at(_EPISODE_FRACTION)])
        local[lines] = found + count
        count += int(found.max(initial=-1)) + 1
    return local


def _join_clusters(centre: Floats, size: Indices, limits: Sequence[float]) -> Indices:
    """(K, number of limits) which clusters of episodes are of one voice.

    Clusters of one line are poor centres: they join the voice of the nearest larger cluster, or
    stay alone.
    """
    large = np.argsort(-size, kind="stable")[:_MOST_CENTRES]
    large = np.sort(large[size[large] >= 2])
    small = np.setdiff1d(np.arange(len(size)), large)
    nearest, cosine = nearest_rows(centre[small], centre[large])
    names = np.empty((len(size), len(limits)), np.int64)
    for column, (limit, voice) in enumerate(
        zip(limits, average_linkage(centre[large], limits), strict=True)
    ):
        alone = int(voice.max(initial=-1)) + 1 + np.arange(len(small))
        near = cosine >= limit
        alone[near] = voice[nearest[near]]
        names[large, column], names[small, column] = voice, alone
    return names


def _let_join(
    runs: list[slice], short: Bools, unit: Floats, centre: Floats, local: Indices
) -> None:
    """Give short lines the nearest cluster of their episode, if it has one, in place."""
    for run in runs:
        present = np.unique(local[run][local[run] >= 0])
        lines = np.flatnonzero(short[run]) + run.start
        if len(present):
            local[lines] = present[nearest_rows(unit[lines], centre[present])[0]]


def _unit(rows: Floats) -> Floats:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = rows / np.maximum(norm, np.float32(1e-9))
    return unit


def cluster_columns(
    rows: Rows,
    clusters: Indices,
    share: Floats,
    largest: Floats,
    near: Floats,
    length_s: Floats,
    *,
    seeds: Ints,
) -> Columns:
    """What the other lines of a line's cluster tell about its candidates.

    A line without a cluster stands alone, as does the only line of one: nothing is seen with it.

    Args:
        rows: Lines and their candidates.
        clusters: (N, F) cluster of each line at F finenesses; below 0 for none.
        share: (N, C + 1) probability of each of the cast and, last, of others, for each line.
        largest: (N, C + 1) share of a line's pictures in which each one's face is the largest.
        near: (N, C + 1) how much each one's face is seen near a line, 0 or more.
        length_s: (N,) seconds of the lines.
        seeds: (N,) code of the known speaker, `NOBODY`, or `HELD`.

    Returns:
        For each fineness f, columns over the rows, of the other lines by length: `cf_L` and `cf_N`,
        mean of `largest` and `near`; `l` behind it, the logarithm of this over the mean of
        the series; `x` behind it, mean times logarithm, at least 0; `cf_P`, mean share of the
        candidate; `cf_O`, of others; `cf_size`, log(1 + seconds) of all lines; `cf_seed` and
        `cf_seeds`, log(1 + number) of the other lines that are known to be the candidate's, and
        anybody's. `_d` behind `L`, `Lx`, `N`, `Nx` and `P`: less the line's best other candidate.
    """
    columns: Columns = {}
    weight = np.minimum(length_s, np.float32(_COUNTED_S))
    every_line = np.arange(len(share))
    known = _known(seeds, share.shape[1])
    for fineness in range(clusters.shape[1]):
        voice = _Voice.of(clusters[:, fineness], weight)
        prefix = f"c{fineness}"
        for letter, seen in (("L", largest), ("N", near)):
            name = f"{prefix}_{letter}"
            mean = voice.mean(seen, rows.line, rows.code)
            usual = seen.mean(axis=0) + _RARE
            lift = np.log((mean + _RARE) / usual[rows.code])
            columns[name], columns[f"{name}l"] = mean, lift
            columns[f"{name}x"] = mean * np.maximum(lift, 0)
        columns[f"{prefix}_P"] = voice.mean(share, rows.line, rows.code)
        columns[f"{prefix}_O"] = voice.mean(share[:, -1:], every_line, 0)[rows.line]
        columns[f"{prefix}_size"] = np.log1p(voice.seconds)[rows.line]
        columns[f"{prefix}_seed"] = np.log1p(voice.others(known, rows.line, rows.code))
        anybody = voice.others(known.sum(axis=1, keepdims=True), every_line, 0)
        columns[f"{prefix}_seeds"] = np.log1p(anybody)[rows.line]
        for name in ("L", "Lx", "N", "Nx", "P"):
            columns[f"{prefix}_{name}_d"] = rows.lead(columns[f"{prefix}_{name}"])
    return columns


def _known(seeds: Ints, width: int) -> Floats:
    """(N, C + 1) ones where a line is known to be somebody's, the last column for nobody's."""
    known = np.zeros((len(seeds), width), np.float32)
    line = np.flatnonzero(seeds != NOBODY)
    known[line, np.where(seeds[line] >= 0, seeds[line], width - 1)] = 1
    return known


@dataclass(frozen=True)
class _Voice:
    """The clusters of all lines at one fineness.

    Attributes:
        cluster: (N,) below 0 for none.
        weight: (N,) seconds a line counts.
        seconds: (N,) seconds of all lines of the line's cluster; 0 without one.
    """

    cluster: Indices
    weight: Floats
    seconds: Floats

    @classmethod
    def of(cls, cluster: Indices, weight: Floats) -> _Voice:
        inside = cluster >= 0
        total = np.bincount(cluster[inside], weight[inside], minlength=1)
        return cls(cluster, weight, np.where(inside, total[cluster], 0).astype(np.float32))

    def mean(self, value: Floats, line: npt.NDArray[Any], code: Ints | int) -> Floats:
        """(R,) mean of a value (N, C + 1) over the other lines of a line's cluster."""
        rest = self._rest(self.weight, value, line, code)
        seconds = self.seconds[line] - self.weight[line]
        mean: Floats = np.maximum(rest, 0) / (np.maximum(seconds, 0) + np.float32(_PRIOR_S))
        return mean

    def others(self, value: Floats, line: npt.NDArray[Any], code: Ints | int) -> Floats:
        """(R,) sum of a value (N, C + 1) over the other lines of a line's cluster, 0 or more."""
        rest = self._rest((self.cluster >= 0).astype(np.float32), value, line, code)
        return np.maximum(rest, 0)

    def _rest(
        self, weight: Floats, value: Floats, line: npt.NDArray[Any], code: Ints | int
    ) -> Floats:
        # One more row than clusters: -1 finds it, and nothing in it.
        count = int(self.cluster.max(initial=NO_CLUSTER)) + 2
        totals = weighted_sums(self.cluster, weight, value, count)
        rest: Floats = totals[self.cluster[line], code] - weight[line] * value[line, code]
        return rest
