"""The passes of reasoning: which lines are asked about, and what becomes of their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.attribution.base import NOBODY, Attribution, Ints, Series
from castline.attribution.reasoning.belief import Belief, agree, reliability, weigh
from castline.attribution.reasoning.chances import Doubts, with_chances
from castline.attribution.reasoning.choosing import allowance, close_calls, doubtful, draw_probe
from castline.attribution.reasoning.context import Windows
from castline.attribution.reasoning.conversation import ANSWERED
from castline.attribution.reasoning.doubt import rescore
from castline.attribution.reasoning.newcomers import Newcomers
from castline.attribution.reasoning.outcome import Outcome
from castline.attribution.reasoning.params import ReasoningParams
from castline.attribution.reasoning.rounds import Round
from castline.attribution.reasoning.verdicts import FAILED, Verdict, hear_out, unheard
from castline.attribution.reasoning.wording import language_of, load_prompts, speaker_names
from castline.attribution.series import has_voice
from castline.attribution.tools.names import NameIndex
from castline.attribution.tools.view import View
from castline.errors import EndpointError

if TYPE_CHECKING:
    from castline.agents.driver import Session
    from castline.attribution.tools.view import Story

__all__ = ["Passes"]

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

_UNTRIED = 0.8
"""How often a model is taken to be right on lines in doubt where nothing could try it."""


class Passes:
    """Asks about the lines of a series, pass after pass.

    Args:
        series: The series.
        base: The labels to begin with.
        story: What is told of the series.
        parameters: The settings.
        session: Asks the model.
        task: What conversations are kept under; each pass adds its own word.

    Attributes:
        outcome: What became of the labels so far.
        stopped: Whether nothing more can be asked: the budget or the endpoints are at their end.
    """

    def __init__(
        self,
        series: Series,
        base: Attribution,
        story: Story,
        parameters: ReasoningParams,
        session: Session,
        task: str,
    ) -> None:
        self._series = series
        self._base = base
        self._story = story
        self._parameters = parameters
        self._session = session
        self._task = task
        self._start = with_chances(series, base)
        self._doubts = Doubts(series, base, self._start)
        self._windows = Windows(series.episode, parameters.context, parameters.block)
        self._say = load_prompts(parameters.prompts).say(language_of(series, parameters))
        self._names = speaker_names(series, base.voices_found, self._say)
        self.outcome = Outcome(series, self._start)
        self.stopped = False
        self._gone: EndpointError | None = None
        self._index = NameIndex(self._view())
        self._right = _UNTRIED
        listed = np.diff(self._start.offsets) > 0
        self._askable: Bools = (series.seeds == NOBODY) & (listed | has_voice(series.voices))
        self._speakers: dict[int, Ints] = {}
        """By pass, who spoke when its lines were asked about."""

    def try_model(self) -> str:
        """Ask about a few lines whose labels are settled.

        Returns:
            Why the model is not to be trusted with this series; empty when nothing speaks against
            it.

        Raises:
            EndpointError: No endpoint gave a single reply.
        """
        doubt = self._doubts.at_first
        label = self._start.code
        outside = (label < 0) | (label >= len(self._series.cast))
        rows = draw_probe(doubt, self._askable, outside, self._parameters)
        verdicts = self._ask(rows, 0, "probe")
        for row, verdict in verdicts.items():
            self.outcome.settle(row, 0, verdict, None)
        heard = {row: each for row, each in verdicts.items() if each.status != FAILED}
        if verdicts and not heard:
            return (
                "the model gave no usable reply about any line that tries it, so it was not asked"
            )
        cast = len(self._series.cast)
        agreed = sum(agree(each.answer, int(label[row]), cast) for row, each in heard.items())
        if len(heard) - agreed > self._parameters.probe_limit * len(heard):
            return (
                f"the model does not confirm {len(heard) - agreed} of {len(heard)} labels that are "
                "settled, so no label was changed"
            )
        if heard:
            settled = 1 - float(doubt[list(heard)].mean())
            self._right = reliability(agreed, len(heard), settled)
        return ""

    def go(self, number: int) -> int:
        """Make a pass.

        Args:
            number: Of the pass, from 1.

        Returns:
            How many lines got another speaker.

        Raises:
            EndpointError: No endpoint gave a single reply, now or before.
        """
        before = self.outcome.code.copy()
        self._speakers[number] = before
        scored, doubt, near = self._base, self._doubts.at_first, None
        if number > 1:
            speakers = [self.outcome.name(code) for code in before.tolist()]
            self._story = self._story.renewed(speakers, f"{self._task}-relations-{number}")
            scored = rescore(self._series, before, self._base.voices_found)
            doubt = self._doubts.now(scored)
            near = Newcomers(self._doubts.before, scored, len(self._series.cast))
        rows = self._choose(doubt, scored, last=number == self._parameters.passes)
        if near is not None:
            rows = np.union1d(rows, self._again(near)).astype(np.int32)
        for row, verdict in self._ask(rows, number, str(number), near).items():
            belief = self._believe(row, verdict, doubt) if verdict.status == ANSWERED else None
            self.outcome.settle(row, number, verdict, belief)
        return int((before != self.outcome.code).sum())

    def _choose(self, doubt: Doubles, scored: Attribution, *, last: bool) -> Ints:
        """Rows that were never sent, or to no avail."""
        parameters, asked = self._parameters, self.outcome.asked
        free = self._askable.copy()
        free[[row for row, each in asked.items() if each.status != FAILED]] = False
        if parameters.threshold is not None:
            stated = self._base.confidence is not None
            return close_calls(self._base if stated else scored, free, parameters.threshold)
        most = allowance(len(free), len(asked), parameters, last=last)
        return doubtful(doubt, free, parameters.doubt, most)

    def _again(self, near: Newcomers) -> list[int]:
        """Rows that were answered, and that a model may see otherwise now."""
        changed = {
            number: self._windows.changed(speakers, self.outcome.code)
            for number, speakers in self._speakers.items()
        }
        return [
            row
            for row, each in self.outcome.asked.items()
            if each.turn > 0
            and each.status == ANSWERED
            and (
                changed[each.turn][row] >= self._parameters.renewed
                or (each.answer == NOBODY and near.of(row))
            )
        ]

    def _ask(
        self, rows: Ints, number: int, part: str, near: Newcomers | None = None
    ) -> dict[int, Verdict]:
        """What the model says of some lines."""
        if self._gone is not None:
            return dict.fromkeys(rows.tolist(), unheard(self._gone))
        if not len(rows):
            return {}
        round_ = Round(
            self._view(),
            self._start,
            rows,
            near=near.of if near else lambda _row: (),
            label=self.outcome.name,
            windows=self._windows,
            index=self._index,
            say=self._say,
            parameters=self._parameters,
            facts={"pass": number},
        )
        by_line = {self._series.lines[row]: row for row in rows.tolist()}
        task = f"{self._task}-{part}"
        heard, self._gone, spent = hear_out(self._session, round_.conversations(), by_line, task)
        if self._gone is not None:
            statuses = {each.status for each in heard.values()}
            statuses |= {each.status for each in self.outcome.asked.values()}
            if statuses == {FAILED}:
                raise self._gone
        self.stopped = spent or self._gone is not None
        return heard

    def _believe(self, row: int, verdict: Verdict, doubt: Doubles) -> Belief:
        """Who speaks a line by what the base method and the model say."""
        label = int(self._start.code[row])
        # Where the line has another speaker by now, the doubt of today is not about the label.
        moved = self.outcome.code[row] != label
        wrong = float(self._doubts.at_first[row] if moved else doubt[row])
        prior = self._doubts.prior(row, wrong)
        return weigh(prior, label, verdict.stages, self._right, len(self._series.cast))

    def _view(self) -> View:
        names, others, unknown = self._names
        return View(self._series, self.outcome.labels(), self._story, names, others, unknown)
