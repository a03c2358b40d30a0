"""The prompts, and what people are called in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from castline.agents.prompts import PromptSet, Say
from castline.attribution.base import Series
from castline.attribution.reasoning.params import ReasoningParams
from castline.attribution.tools.telling import TEXTS, quoted
from castline.story.transcript import Spoken, prompt_language

__all__ = ["distinct", "language_of", "load_prompts", "speaker_names"]

_PROMPTS = Path(__file__).parent / "prompts"


def load_prompts(folder: str) -> PromptSet:
    """The prompts and the words of the look-ups, those that a user's folder holds from there.

    Raises:
        InputError: There is no such folder, or it holds no template or a broken one.
        UnknownName: It holds a template that is none of these.
    """
    prompts = PromptSet(_PROMPTS)
    prompts.files |= PromptSet(TEXTS).files
    return prompts.with_overrides(Path(folder)) if folder else prompts


def language_of(series: Series, parameters: ReasoningParams) -> str:
    """The language to ask in: the chosen one, else that of the lines."""
    if parameters.language:
        return parameters.language
    return prompt_language([Spoken(0, 0, (), text) for text in series.texts])


def speaker_names(series: Series, voices_found: int, say: Say) -> tuple[tuple[str, ...], str, str]:
    """What everybody is called in prompts: one row, without tags, nobody like anybody else.

    Returns:
        Names of the cast and of the new voices, by code; the words for others and for unknown.
    """
    voices = (say("word-voice", number=number + 1) for number in range(voices_found))
    words = (say("word-others"), say("word-unknown"))
    # The cast last: it is told apart from the words, and not the other way round.
    others, unknown, *names = distinct([*words, *map(quoted, series.cast), *voices])
    return tuple(names), others, unknown


def distinct(names: Iterable[str]) -> Iterator[str]:
    """The same names, those that came before with a number after them.

    >>> list(distinct(["Bo", "Ann", "Bo", ""]))
    ['Bo', 'Ann', 'Bo (2)', '?']
    """
    taken: Counter[str] = Counter()
    for name in names:
        shown = name or "?"
        while taken[shown]:
            taken[name or "?"] += 1
            shown = f"{name or '?'} ({taken[name or '?']})"
        taken[shown] += 1
        yield shown
