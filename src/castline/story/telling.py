"""Asking models about the story: many questions of one kind, answers checked, none paid twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from castline.agents.driver import Session
from castline.agents.messages import Image, Message, Request
from castline.agents.prompts import PromptSet
from castline.agents.structured import JsonConversation
from castline.errors import RunError
from castline.timing import format_clock

if TYPE_CHECKING:
    from castline.agents.traces import Trace
    from castline.pipeline.progress import Reporter

__all__ = ["Answer", "Form", "Question", "Teller", "moment", "object_schema", "own_prompts"]

_LASTING = "refused"
"""The kind of fault that asking again would not cure: the server says the request is wrong."""
_TEMPERATURE = 0.3
"""Low: what is wanted is what is there, in the likeliest words."""


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        id: Its name within the task.
        values: What the prompts are filled in with.
        pictures: JPEG files that are shown with it.
    """

    id: str
    values: Mapping[str, object]
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a model answered.

    Attributes:
        value: JSON that fits the type that was asked for.
        source: The model, and the version of the prompts.
    """

    value: Any
    source: str


@dataclass(frozen=True)
class Form:
    """What an answer looks like.

    Attributes:
        kind: Its type, with the ranges that are checked.
        schema: JSON schema that servers may hold the model to; may be narrower.
        max_tokens: Longest answer, in tokens.
    """

    kind: type[msgspec.Struct]
    schema: dict[str, Any]
    max_tokens: int


@dataclass(frozen=True)
class Teller:
    """Who is asked one kind of question, and with which prompts.

    Attributes:
        session: Asks.
        models: Identities of the models that may answer.
        prompts: `system` and `user`.
        language: Language of the prompts.
        form: What answers look like.
    """

    session: Session
    models: tuple[str, ...]
    prompts: PromptSet
    language: str
    form: Form

    @property
    def inputs(self) -> dict[str, str]:
        """What answers depend on besides the questions, as inputs of a unit."""
        prompts = f"{self.language} {self.prompts.version}"
        return {"models": ", ".join(sorted(set(self.models))), "prompts": prompts}

    def ask(
        self, questions: Iterable[Question], task: str, total: int, reporter: Reporter
    ) -> dict[str, Answer]:
        """Ask them all.

        Args:
            questions: Taken one by one, so that their pictures need not all be there at once.
            task: What replies and traces are kept under.
            total: How many questions there are.
            reporter: Told how many got no usable answer.

        Returns:
            Question to answer; without those that got none and would get none again.

        Raises:
            LimitReached: The budget is used up.
            EndpointError: No endpoint answers any more.
            RunError: Some questions got no reply, which may be different another time, or not one
                of them a usable one. Replies are kept.
        """
        answers: dict[str, Answer] = {}
        reasons: Counter[str] = Counter()

        def keep(trace: Trace) -> None:
            if trace.failed or trace.status != "answered":
                reasons[trace.why] += 1
                return
            reply = trace.turns[-1].reply
            source = f"{reply.model or reply.endpoint}, prompts {self.prompts.version}"
            answers[trace.id] = Answer(trace.answer, source)

        conversations = (self._conversation(each) for each in questions)
        tally = self.session.run(conversations, task, keep, total)
        tally.require_whole()
        missing = reasons.total()
        if missing and (not answers or tally.failed.total() > tally.failed[_LASTING]):
            raise RunError({f"{task}: {count} of {total}": why for why, count in _most(reasons)})
        if missing:
            (why, _), *_ = _most(reasons)
            reporter.warn(f"{task}: {missing} of {total} got no usable answer, such as: {why}")
        return answers

    def _conversation(self, question: Question) -> JsonConversation[Any]:
        rules = self.prompts.render("system", self.language)
        task = self.prompts.render("user", self.language, **question.values)
        request = Request(
            messages=(
                Message("system", rules),
                Message("user", task, images=tuple(map(Image, question.pictures))),
            ),
            max_tokens=self.form.max_tokens,
            temperature=_TEMPERATURE,
            schema=self.form.schema,
        )
        return JsonConversation(question.id, request, self.form.kind)


def _most(reasons: Counter[str]) -> list[tuple[str, int]]:
    return reasons.most_common(5)


def own_prompts(step: str, overrides: Path | None = None) -> PromptSet:
    """The prompts of one step of the story.

    Args:
        step: `captions`, `summaries` or `relations`.
        overrides: A folder with a folder of that name, whose templates count before ours.

    Raises:
        InputError: A template there is broken.
        UnknownName: It holds a template that is none of ours.
    """
    prompts = PromptSet(Path(__file__).parent / "prompts" / step)
    if overrides is not None and (overrides / step).exists():
        return prompts.with_overrides(overrides / step)
    return prompts


def moment(episode: str, start_ms: int) -> str:
    """Name of a question about what begins at a moment.

    Numbers of clips and sections shift when one before them is parted otherwise; then what was
    paid for would not be found again.

    >>> moment("0003", 62_000)
    '0003-00:01:02.000'
    """
    return f"{episode}-{format_clock(start_ms)}"


def object_schema(**properties: dict[str, Any]) -> dict[str, Any]:
    """JSON schema of an object that has exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
