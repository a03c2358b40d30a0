"""Reasoning: the lines in doubt go to a language model, pass after pass (Algorithm 1 of the paper).

::

    labels of the base method ──► probabilities ──► settled lines try the model
                                       |
                ┌──► lines in doubt ──► conversations ──► answers, weighed with the probabilities
                |                                               |
                └──── voices, surroundings and doubts anew ◄────┘      until few labels change

Lines that are not sent keep the label of the base method. Seeds and people's corrections are never
sent. Where the model fails on settled lines, nothing is changed at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from castline.attribution.base import Attribution, Series
from castline.attribution.reasoning.params import ReasoningParams
from castline.attribution.reasoning.passes import Passes
from castline.attribution.reasoning.wording import load_prompts
from castline.attribution.talking import Discussion

if TYPE_CHECKING:
    from castline.agents.driver import Session
    from castline.attribution.tools.view import Story

__all__ = ["METHOD", "ReasoningMethod"]


class ReasoningMethod:
    """Reasoning as a method of attribution."""

    name = "reasoning"
    version = 1
    parameters = ReasoningParams

    def discuss(
        self,
        series: Series,
        base: Attribution,
        story: Story,
        parameters: ReasoningParams,
        session: Session,
        task: str,
    ) -> Discussion:
        """Judge the labels of another method. See `TalkingMethod`."""
        passes = Passes(series, base, story, parameters, session, task)
        if not (series.seeds >= 0).any():
            passes.outcome.warn("nobody's voice is known, so there is nobody to choose from")
        elif trouble := passes.try_model():
            passes.outcome.warn(trouble)
        else:
            for number in range(1, parameters.passes + 1):
                changed = passes.go(number)
                if passes.stopped or changed < parameters.few * len(series.lines):
                    break
        return passes.outcome.result()

    def rests_on(self, parameters: ReasoningParams) -> dict[str, str]:
        """The prompts, by their digest."""
        return {"prompts": load_prompts(parameters.prompts).version}


METHOD = ReasoningMethod()
