"""The published propagation written down rule by rule: all pairs, plain loops, no cleverness.

Slow and quadratic. It exists to be compared with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = np.float32
Floats = npt.NDArray[np.float32]


@dataclass
class SmallSeries:
    """Plain lists; a face is (start, end, character or -1, score)."""

    start: list[int]
    end: list[int]
    faces: list[tuple[int, int, int, float]]
    voices: Floats
    seeds: list[int]
    everywhere: list[bool]


def similarity(voices: Floats) -> Floats:
    matrix: Floats = np.nan_to_num(voices @ voices.T)
    np.fill_diagonal(matrix, 0)
    return matrix


def active(series: SmallSeries, code: list[int], n_codes: int) -> list[set[int]]:
    """For each line the characters near it: two cursors over faces, two over lines."""
    n = len(series.start)
    near: list[set[int]] = [
        {c for c, everywhere in enumerate(series.everywhere) if everywhere} for _ in range(n)
    ]
    faces = [(a, b, c if F32(s) >= F32(0.45) else -1) for a, b, c, s in series.faces]
    lines = [(a, b, max(c, -1)) for a, b, c in zip(series.start, series.end, code, strict=True)]
    for things in (faces, lines):
        count = [0] * n_codes
        left = right = 0
        for i in range(n):
            while right < len(things) and things[right][0] <= series.end[i] + 20000:
                if things[right][2] >= 0:
                    count[things[right][2]] += 1
                right += 1
            while left < len(things) and things[left][1] < series.start[i] - 20000:
                if things[left][2] >= 0:
                    count[things[left][2]] -= 1
                left += 1
            near[i] |= {c for c in range(n_codes) if count[c] > 0}
    return near


def k_rule(n: int) -> int:
    power: float = n**0.4
    return min(50, math.floor(power))


def top_mean(values: Floats, k: int) -> F32:
    total = F32(0)
    for value in sorted(values.tolist(), reverse=True)[:k]:
        total = F32(total + F32(value))
    return F32(total / F32(k))


def components(nodes: list[int], edges: list[tuple[int, int]]) -> list[list[int]]:
    """Connected components, by size, then by smallest node."""
    root = {node: node for node in nodes}

    def find(node: int) -> int:
        while root[node] != node:
            node = root[node]
        return node

    for a, b in edges:
        root[max(find(a), find(b))] = min(find(a), find(b))
    members: dict[int, list[int]] = {}
    for node in sorted(nodes):
        members.setdefault(find(node), []).append(node)
    return sorted(members.values(), key=lambda group: (-len(group), group[0]))


@dataclass
class Outcome:
    code: list[int]
    voices_found: int
    candidates: list[list[tuple[int, float]]]


class Reference:
    def __init__(self, series: SmallSeries) -> None:
        self.series = series
        self.n = len(series.start)
        self.similarity = similarity(series.voices)
        self.code = list(series.seeds)
        self.duration = [b - a for a, b in zip(series.start, series.end, strict=True)]
        self.lists: list[list[int]] = [
            [i for i in range(self.n) if self.code[i] == c] for c in range(len(series.everywhere))
        ]

    def run(self) -> Outcome:
        threshold = 0.75
        while sum(len(lines) for lines in self.lists) != self.n:
            single = self.step_a(threshold)
            named, unknown = self.step_b(threshold)
            for line, character in single:
                self.code[line] = character
                self.lists[character].append(line)
            for group, character in named:
                for line in group:
                    self.code[line] = character
                    self.lists[character].append(line)
            for group in unknown:
                self.lists.append([])
                for line in group:
                    self.code[line] = len(self.lists) - 1
                    self.lists[-1].append(line)
            if not unknown:
                threshold -= 0.02
                if threshold <= 0.45 - 1e-6:
                    break
        return Outcome(self.code, len(self.lists) - len(self.series.everywhere), self.final())

    def labelled(self, code: list[int]) -> list[list[int]]:
        return [[i for i in range(self.n) if code[i] == c] for c in range(len(self.lists))]

    def step_a(self, threshold: float) -> list[tuple[int, int]]:
        code = list(self.code)
        near = active(self.series, code, len(self.lists))
        given = []
        while True:
            got = 0
            score = {}
            for c, lines in enumerate(self.labelled(code)):
                if not lines:
                    continue
                longest = max(self.duration[i] for i in lines)
                cut = min(800, longest // 200 * 200)
                lines = [i for i in lines if self.duration[i] >= cut]
                for i in range(self.n):
                    if code[i] == -1 and c in near[i]:
                        short = min(0.5, max(0, 1 - self.duration[i] / 1000))
                        mean = top_mean(self.similarity[i][lines], k_rule(len(lines)))
                        score[i, c] = F32(mean + F32(0.2 * short))
            for i in range(self.n):
                if code[i] != -1:
                    continue
                values = [score.get((i, c), F32(0)) for c in range(len(self.lists))]
                if values and max(values) >= F32(threshold):
                    best = values.index(max(values))
                    code[i] = best
                    given.append((i, best))
                    got += 1
            if got < 5:
                return given

    def step_b(self, threshold: float) -> tuple[list[tuple[list[int], int]], list[list[int]]]:
        near = active(self.series, self.code, len(self.lists))
        open_lines = [i for i in range(self.n) if self.code[i] == -1]
        edges = [
            (i, j)
            for i in open_lines
            for j in open_lines
            if i < j <= i + 5 and self.similarity[i, j] >= F32(threshold + 0.08)
        ]
        groups = [group for group in components(open_lines, edges) if len(group) >= 3]
        labelled = self.labelled(self.code)
        named, unknown = [], []
        for group in groups:
            scores: dict[int, F32] = {}
            high = 0
            for c, lines in enumerate(labelled):
                close = sum(c in near[i] for i in group)
                if not lines or not close:
                    continue
                total = F32(0)
                for i in group:
                    total = F32(total + top_mean(self.similarity[i][lines], k_rule(len(lines))))
                mean = F32(total / F32(len(group)))
                scores[c] = mean
                share = close / len(group)
                if (share >= 0.5 and mean >= F32(threshold)) or mean >= F32(threshold + 0.08):
                    high += 1
            best = max(scores.values()) if scores else F32(0)
            if high == 1:
                named.append((group, min(c for c, value in scores.items() if value == best)))
            elif high == 0 and float(best) + 0.08 < threshold:
                unknown.append(group)
        return named, unknown

    def final(self) -> list[list[tuple[int, float]]]:
        near = active(self.series, self.code, len(self.lists))
        labelled = self.labelled(self.code)
        found = []
        for i in range(self.n):
            scores = []
            for c in sorted(near[i]):
                lines = labelled[c]
                if lines:
                    score = float(top_mean(self.similarity[i][lines], max(1, k_rule(len(lines)))))
                    if score > 0:
                        scores.append((c, score))
            found.append(sorted(scores, key=lambda pair: -pair[1]))
        return found


def tight_seeds(voices: Floats, target: int) -> list[int]:
    """Places of the seeds among the lines of one character."""
    matrix = similarity(voices)
    n = len(matrix)
    low, high, best = 0.4, 1.0, list[int]()
    while high - low >= 1e-8:
        middle = (low + high) / 2
        edges = [(i, j) for i in range(n) for j in range(i + 1, n) if matrix[i, j] >= F32(middle)]
        found = components(list(range(n)), edges)
        found = [group for group in found if len(group) == len(found[0])]
        if len(found[0]) > target:
            low = middle
            continue
        high = middle
        means = [np.mean([matrix[i].mean() for i in group]) for group in found]
        best = found[int(np.argmax(means))]
        if len(best) == target:
            break
    return best
