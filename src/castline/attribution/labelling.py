"""The labelling of a series while it grows: passes at falling thresholds.

In each pass, single lines and groups of lines are judged on the labels at its start; what they are
given becomes reference for the next. Lines given to somebody in one round of a pass are references
in its later rounds already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.base import HELD, NOBODY
from castline.attribution.groups import (
    GroupEvidence,
    Groups,
    find_groups,
    group_means,
    judge_groups,
    local_similarity,
)
from castline.attribution.nearness import Nearness
from castline.attribution.similarity import LargestSimilarities, Workers
from castline.errors import SettingsError

__all__ = ["Labelling", "PropagationParams", "short_line_bonus"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_ROUNDING = 1e-4
"""More than two products of the same two voices differ by, whatever blocks they were part of."""


@dataclass(frozen=True)
class PropagationParams:
    """Constants of the propagation; the defaults are the published ones.

    Attributes:
        threshold_start: Score demanded in the first pass.
        threshold_step: By how much it is lowered after a pass without new voices.
        threshold_end: Score demanded in the last passes.
        group_margin: How much higher the similarity inside a group must be, and how far below the
            threshold everybody near must score for a group to become a new voice.
        group_smallest: Least number of lines of a group.
        group_radius: Farthest two joined lines may lie apart, counted in lines.
        reach_ms: Reach of a line's window on both sides.
        face_score: Least score of a face that counts, inclusive.
        k_exponent: The k of a top-k mean over n references is floor(n ** k_exponent).
        k_limit: Largest k.
        reference_ms: Shorter lines are no references for single lines, as long as a character has
            a line at least this long.
        reference_grid_ms: Otherwise the limit is its longest line, rounded down to this.
        bonus_scale: Score added for a line of half `bonus_below_ms` or less is half of this.
        bonus_below_ms: Lines of this duration or more get no bonus.
        round_smallest: A pass goes on in rounds until one labels fewer lines than this.
    """

    threshold_start: float = 0.75
    threshold_step: float = 0.02
    threshold_end: float = 0.45
    group_margin: float = 0.08
    group_smallest: int = 3
    group_radius: int = 5
    reach_ms: int = 20_000
    face_score: float = 0.45
    k_exponent: float = 0.4
    k_limit: int = 50
    reference_ms: int = 800
    reference_grid_ms: int = 200
    bonus_scale: float = 0.2
    bonus_below_ms: int = 1000
    round_smallest: int = 5

    def __post_init__(self) -> None:
        above_zero = (
            "threshold_step", "threshold_end", "k_exponent", "k_limit", "reference_grid_ms",
            "bonus_below_ms",
        )  # fmt: skip
        for name in above_zero:
            if not getattr(self, name) > 0:
                raise SettingsError(f"{name} must be above 0, not {getattr(self, name)}.")
        if self.k_exponent > 1:
            raise SettingsError(f"k_exponent must be at most 1, not {self.k_exponent}.")
        if self.reach_ms < 0 or self.group_radius < 0:
            raise SettingsError("reach_ms and group_radius must be 0 or more.")

    def k(self, references: int) -> int:
        """How many of the largest similarities to n >= 1 references are averaged, at least 1.

        >>> [PropagationParams().k(n) for n in (1, 31, 32, 243, 1024, 3125, 7776, 100_000)]
        [1, 3, 4, 9, 16, 25, 36, 50]
        """
        return max(1, min(self.k_limit, int(references**self.k_exponent)))

    def thresholds(self) -> Iterator[float]:
        """The scores demanded, in order, decremented as doubles like the published program does."""
        threshold = self.threshold_start
        while threshold > self.threshold_end - 1e-6:
            yield threshold
            threshold -= self.threshold_step


def short_line_bonus(duration_ms: npt.NDArray[np.int64], params: PropagationParams) -> Floats:
    """Score added to lines too short to be recognised well: (N,), up to half of `bonus_scale`."""
    shortness = 1 - duration_ms / params.bonus_below_ms
    return (params.bonus_scale * np.clip(shortness, 0, 0.5)).astype(np.float32)


class Labelling:
    """Labels as they stand, and for each character what is needed to score lines for it.

    Args:
        nearness: Tells which lines are near whom.
        voices: (N, D) unit rows, not copied.
        seeds: (N,) codes of known speakers, `NOBODY`, or `HELD`.
        n_cast: Number of known characters; new voices are coded from there.
        duration_ms: (N,) durations.
        params: Constants.
        workers: Compute for several characters at once.

    Attributes:
        code: (N,) labels as they stand, `NOBODY` for none, `HELD` for lines that take no part.
        members: For each code, its lines, ascending.
    """

    def __init__(
        self,
        nearness: Nearness,
        voices: Floats,
        seeds: Ints,
        n_cast: int,
        duration_ms: npt.NDArray[np.int64],
        params: PropagationParams,
        workers: Workers,
    ) -> None:
        self._nearness = nearness
        self._voices = voices
        self._duration = duration_ms
        self._params = params
        self._workers = workers
        self._bonus = short_line_bonus(duration_ms, params)
        # By how much a mean of float32 may exceed the largest of its values, and a bit more.
        self._slack = np.float32(_ROUNDING + params.k_limit * 2.0**-23)
        self._local = local_similarity(voices, params.group_radius)
        self.code = seeds.astype(np.int32)
        self.members: list[Ints] = []
        # A line labelled twice in a pass is listed twice, as in the published program.
        self._listed = 0
        self._lines = int(np.count_nonzero(self.code != HELD))
        self._single: list[LargestSimilarities] = []
        self._grouped: list[LargestSimilarities] = []
        # Scores of the lines of each character that may reach the threshold (`warm` in its store);
        # the highest of them; and what no score of its other lines exceeds.
        self._scores: list[Floats] = []
        self._ceiling = np.empty(0, np.float32)
        self._beyond = np.empty(0, np.float32)
        self._stale: set[int] = set()
        for character in range(n_cast):
            self._add_character(np.flatnonzero(self.code == character).astype(np.int32))
            self._listed += self.members[-1].size

    @property
    def finished(self) -> bool:
        """Whether as many labels were given as there are lines to label.

        Counts like the published program, which thereby may miss the moment.
        """
        return self._listed == self._lines

    def one_pass(self, threshold: float) -> bool:
        """Label lines at one threshold; true if new voices were found.

        Single lines and groups are judged on the labels at the start of the pass. A group's verdict
        overwrites a label that one of its lines got in the same pass, so groups come first here.
        """
        margin = threshold + self._params.group_margin
        self._refresh(np.float32(threshold))
        groups = find_groups(
            self._local, self.code == NOBODY, np.float32(margin), self._params.group_smallest
        )
        verdicts = judge_groups(
            groups.sizes,
            self._evidence(groups, np.float32(threshold - abs(self._params.group_margin))),
            np.float32(threshold),
            np.float32(margin),
        )
        named = verdicts.high == 1
        unknown = (verdicts.high == 0) & (
            verdicts.best.astype(np.float64) + self._params.group_margin < threshold
        )
        speaker = np.where(named, verdicts.character, -1).astype(np.int32)
        speaker[unknown] = len(self.members) + np.arange(np.count_nonzero(unknown))
        by_group = np.full(self.code.size, -1, np.int32)
        by_group[groups.lines] = np.repeat(speaker, groups.sizes)
        by_line = self._label_lines(np.float32(threshold), by_group)
        self._accept(by_line, by_group)
        return bool(unknown.any())

    def _accept(self, by_line: Ints, by_group: Ints) -> None:
        self._listed += int(np.count_nonzero(by_line >= 0) + np.count_nonzero(by_group >= 0))
        label = np.where(by_group >= 0, by_group, by_line)
        lines = np.flatnonzero(label >= 0).astype(np.int32)
        lines = lines[np.argsort(label[lines], kind="stable")]
        self.code[lines] = label[lines]
        characters, starts = np.unique(label[lines], return_index=True)
        for character, gained in zip(characters.tolist(), np.split(lines, starts)[1:], strict=True):
            if character == len(self.members):
                self._add_character(gained)
            else:
                self.members[character] = np.sort(np.concatenate([self.members[character], gained]))
                self._stale.add(character)

    def _add_character(self, lines: Ints) -> None:
        self._stale.add(len(self.members))
        self.members.append(lines)
        self._single.append(LargestSimilarities(self._voices, self._params.k_limit))
        self._grouped.append(LargestSimilarities(self._voices, self._params.k_limit))
        self._scores.append(np.empty(0, np.float32))
        self._ceiling = np.append(self._ceiling, np.float32(-np.inf))
        self._beyond = np.append(self._beyond, np.float32(-np.inf))

    def _refresh(self, threshold: np.float32) -> None:
        """Bring up to date whoever gained lines or has lines that may now reach the threshold."""
        due = self._stale.union(np.flatnonzero(self._beyond >= threshold).tolist())
        self._stale.clear()

        def refresh(character: int) -> None:
            members = self.members[character]
            near = self._nearness.near(character, members)
            self._rescore(character, near[self.code[near] == NOBODY], members, threshold)

        self._for_each(refresh, [c for c in due if self.members[c].size])

    def _for_each(self, task: Callable[[int], None], characters: Iterable[int]) -> None:
        """Do something for some characters, those with most lines first."""
        order = sorted(characters, key=lambda c: (-self.members[c].size, c))
        for _ in self._workers.map(task, order, lambda c: self.members[c].size):
            pass

    def _rescore(self, character: int, rows: Ints, members: Ints, threshold: np.float32) -> None:
        """Score a character's lines anew, save those whose bound is below the threshold."""
        references = self._references(members)
        store = self._single[character]
        store.update(rows, references)
        bound = store.bound + self._bonus[rows] + self._slack
        likely = bound >= threshold
        scores = store.means(rows[likely], self._params.k(references.size))
        scores += self._bonus[rows[likely]]
        self._scores[character] = scores
        self._ceiling[character] = scores.max(initial=-np.inf)
        self._beyond[character] = bound[~likely].max(initial=-np.inf)

    def _references(self, members: Ints) -> Ints:
        """Lines of a character long enough to judge single lines by."""
        duration = self._duration[members]
        grid = self._params.reference_grid_ms
        shortest = min(self._params.reference_ms, int(duration.max()) // grid * grid)
        return members[duration >= shortest]

    def _label_lines(self, threshold: np.float32, by_group: Ints) -> Ints:
        """Give single lines to the character they score highest for, in rounds.

        Lines labelled in one round are references in the next; what is near whom stays as it was.

        Returns:
            (N,) codes given, -1 elsewhere. Not yet part of `code`.
        """
        given = np.full(self.code.size, -1, np.int32)
        hot = np.flatnonzero(self._ceiling >= threshold).tolist()

        def rescore(character: int) -> None:
            gained = np.flatnonzero(given == character).astype(np.int32)
            members = np.sort(np.concatenate([self.members[character], gained]))
            rows = self._single[character].rows
            still_open = (self.code[rows] == NOBODY) & (given[rows] < 0)
            self._rescore(character, rows[still_open], members, threshold)

        while True:
            lines, label = self._best_above(hot, threshold, given)
            given[lines] = label
            # A label that a group overrules is a reference until the end of this pass.
            self._stale.update(label[(by_group[lines] >= 0) & (by_group[lines] != label)].tolist())
            if lines.size < self._params.round_smallest:
                return given
            # Who gained nothing scores below the threshold for every line still open.
            hot = np.unique(label).tolist()
            self._for_each(rescore, hot)

    def _best_above(
        self, characters: list[int], threshold: np.float32, given: Ints
    ) -> tuple[Ints, Ints]:
        """Open lines that score the threshold for one of some characters, and the best of these."""
        lines, scores, codes = [np.empty(0, np.int32)], [np.empty(0, np.float32)], []
        for character in characters:
            rows, score = self._single[character].warm, self._scores[character]
            enough = np.flatnonzero(score >= threshold)
            enough = enough[(self.code[rows[enough]] == NOBODY) & (given[rows[enough]] < 0)]
            lines.append(rows[enough])
            scores.append(score[enough])
            codes.append(np.full(enough.size, character, np.int32))
        line, score = np.concatenate(lines), np.concatenate(scores)
        code = np.concatenate([np.empty(0, np.int32), *codes])
        order = np.lexsort((code, -score, line))
        first, at = np.unique(line[order], return_index=True)
        return first, code[order][at]

    def _evidence(self, groups: Groups, floor: np.float32) -> Iterator[GroupEvidence]:
        """Evidence for each character near a group, ascending by code.

        Scores below `floor` decide nothing and are left out where a bound tells.
        """

        def gather(character: int) -> GroupEvidence | None:
            members, store = self.members[character], self._grouped[character]
            touched = groups.of_line[self._single[character].rows]
            numbers, near = np.unique(touched[touched >= 0], return_counts=True)
            if numbers.size == 0:
                self._grouped[character] = LargestSimilarities(self._voices, self._params.k_limit)
                return None
            lines, which = groups.members(numbers)
            order = np.argsort(lines)
            store.update(lines[order], members)
            bound = np.empty(lines.size, np.float32)
            bound[order] = store.bound + self._slack
            likely = group_means(bound, which, groups.sizes[numbers]) >= floor
            numbers, near = numbers[likely], near[likely]
            lines, which = groups.members(numbers)
            order = np.argsort(lines)
            scores = np.empty(lines.size, np.float32)
            scores[order] = store.means(lines[order], self._params.k(members.size))
            means = group_means(scores, which, groups.sizes[numbers])
            return GroupEvidence(character, numbers, near.astype(np.int32), means)

        speakers = [c for c, members in enumerate(self.members) if members.size]
        found = self._workers.map(gather, speakers, lambda c: self.members[c].size)
        return (one for one in found if one is not None)
