"""Settings of reasoning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from castline.attribution.tools.telling import LOOKUPS
from castline.errors import SettingsError, UnknownName

__all__ = ["ReasoningParams"]

_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Count = Annotated[int, msgspec.Meta(ge=0)]
_Some = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True)
class ReasoningParams:
    """Settings of reasoning.

    Attributes:
        doubt: Lines are sent whose label is wrong with at least this probability.
        threshold: Send the lines whose two best candidates are closer than this instead, as the
            paper does, however many they are.
        share: Share of all lines that may be sent, those that try the model with them.
        passes: How often the whole series is gone through, at most.
        few: Share of all lines; a pass that changes fewer is the last.
        renewed: Share of the lines around a line; where more of them got another speaker since it
            was sent, it is sent again in the next pass.
        widen: So many people more, those most alike by voice, are considered when the model says
            that it was nobody of the candidates.
        context: Lines shown before and after a line, at least.
        block: Lines that follow each other are shown the same surroundings, so that servers can
            keep what they have read; so many lines share them. 1: each line has its own.
        dialect: How tools are called: `tagged` text, as the paper trains it, or `native` function
            calls.
        tools: Whether there are any.
        without: Look-ups that answer that nothing can be told.
        required: Look-ups that must be made before an answer counts.
        language: Language of the prompts; that of the lines when empty.
        prompts: Folder of templates to be used instead of those that come along.
        turns: Replies of the model until a try is given up.
        tries: How often a line is tried.
        probe: Lines with settled labels that are sent to try the model.
        probe_limit: Share of them; where the model says otherwise on more, no label is changed.
        seed: Of the choice of these lines.
        max_tokens: Longest reply, in tokens.
        temperature: Sampling of the model: as the paper's code has it, like the next three.
        top_p: Share of the probability that is drawn from.
        presence_penalty: Against words that occurred.
        frequency_penalty: Against words by how often they occurred.
    """

    doubt: _Share = 0.1
    threshold: float | None = None
    share: _Share = 0.2
    passes: _Some = 2
    few: _Share = 0.002
    renewed: _Share = 0.2
    widen: Annotated[int, msgspec.Meta(ge=0, le=20)] = 5
    context: _Count = 30
    block: _Some = 20
    dialect: Literal["tagged", "native"] = "tagged"
    tools: bool = True
    without: tuple[str, ...] = ()
    required: tuple[str, ...] = ("voices",)
    language: str = ""
    prompts: str = ""
    turns: _Some = 10
    tries: _Some = 2
    probe: _Count = 50
    probe_limit: _Share = 0.2
    seed: _Count = 0
    max_tokens: _Some = 1024
    temperature: Annotated[float, msgspec.Meta(ge=0)] = 0.6
    top_p: _Share = 0.95
    presence_penalty: float = 0.1
    frequency_penalty: float = 0.3

    def __post_init__(self) -> None:
        """Check names.

        Raises:
            SettingsError: A look-up does not exist.
        """
        for name in (*self.without, *self.required):
            if name not in LOOKUPS:
                raise SettingsError(str(UnknownName("look-up", name, LOOKUPS)))
