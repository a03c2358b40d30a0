"""The conversation about one line, in both dialects and both languages."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from castline.agents.conversation import End
from castline.agents.messages import Reply, Request, ToolCall
from castline.agents.wire import to_wire
from castline.attribution.base import NOBODY
from castline.attribution.reasoning.chances import with_chances
from castline.attribution.reasoning.context import Windows
from castline.attribution.reasoning.conversation import LineConversation, stages_of
from castline.attribution.reasoning.outcome import Outcome
from castline.attribution.reasoning.params import ReasoningParams
from castline.attribution.reasoning.rounds import Round
from castline.attribution.reasoning.wording import load_prompts, speaker_names
from castline.attribution.tools.names import NameIndex
from castline.attribution.tools.view import View
from castline.testing.scripted.reading import ChatRequest, read_request
from tests.attribution.reasoning.models import Case, reply_to, said

Begin = Callable[..., LineConversation]


@pytest.fixture
def begin(case: Case) -> Begin:
    """Make the conversation about a line that has several candidates."""

    def make(language: str = "en", row: int | None = None, **settings: object) -> LineConversation:
        parameters = ReasoningParams(**settings)  # type: ignore[arg-type]
        say = load_prompts("").say(language)
        names, others, unknown = speaker_names(case.series, case.base.voices_found, say)
        start = with_chances(case.series, case.base)
        view = View(case.series, start, case.story, names, others, unknown)
        row = crowded(case) if row is None else row
        made = Round(
            view,
            start,
            np.array([row], np.int32),
            near=lambda _row: (),
            label=Outcome(case.series, start).name,
            windows=Windows(case.series.episode, parameters.context, parameters.block),
            index=NameIndex(view),
            say=say,
            parameters=parameters,
            facts={"pass": 1},
        )
        (only,) = made.conversations()
        return only

    return make


def crowded(case: Case) -> int:
    """The line with most candidates; no seed."""
    count = np.diff(case.base.offsets)
    return int(np.argmax(np.where(case.series.seeds == NOBODY, count, 0)))


def read(request: Request) -> ChatRequest:
    """A request as a model reads it."""
    return read_request(to_wire(request, "m"))


def last(request: Request) -> str:
    """The text that the model saw last."""
    return request.messages[-1].text


def end_of(conversation: LineConversation, choose: Callable[[ChatRequest], str]) -> End:
    """How a conversation ends with a model that plays by the rules."""
    request = conversation.open()
    while True:
        step = conversation.hear(reply_to(request, choose))
        if isinstance(step, End):
            return step
        request = step


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("dialect", ["tagged", "native"])
def test_a_model_that_plays_by_the_rules_is_understood(
    begin: Begin, language: str, dialect: str
) -> None:
    conversation = begin(language, dialect=dialect)
    asked = read(conversation.open())
    assert [each.name for each in asked.offered] == [
        *("voices", "faces", "scene", "relations", "names", "labels", "who_is_called")
    ]

    end = end_of(conversation, lambda request: request.candidates[1])

    assert end.status == "answered"
    (stage,) = stages_of(end.facts)
    assert stage.answer == stage.shown[1]


def test_the_line_and_its_candidates_come_last_so_that_the_rest_is_read_once(
    begin: Begin, case: Case
) -> None:
    middle = int(np.searchsorted(case.series.episode, 1)) + 40
    first, second = (begin(row=row).open().messages for row in (middle, middle + 1))
    assert first[0] == second[0]
    shared = 0
    for a, b in zip(first[1].text, second[1].text, strict=False):
        if a != b:
            break
        shared += 1
    assert f"[{middle}]" in first[1].text[shared - 20 : shared + 20]
    assert first[1].text.rstrip().endswith(f"Line: {middle}")


def test_the_label_of_the_line_itself_is_not_shown(begin: Begin, case: Case) -> None:
    row = crowded(case)
    assert f"[{row}] ?: " in begin(row=row).open().messages[1].text


def test_after_others_those_with_the_most_similar_voices_are_candidates_too(begin: Begin) -> None:
    conversation = begin(widen=3)
    narrow: list[str] = []
    wide: list[str] = []

    def choose(request: ChatRequest) -> str:
        if not narrow:
            narrow.extend(request.candidates)
        wide[:] = request.candidates
        return request.candidates[-1] if request.candidates == narrow else request.candidates[0]

    end = end_of(conversation, choose)

    assert set(narrow) < set(wide)
    assert len(wide) == len(narrow) + 3
    first, second = stages_of(end.facts)
    assert first.answer == -1
    assert second.answer >= 0


def test_without_a_wider_choice_others_is_an_answer(begin: Begin) -> None:
    end = end_of(begin(widen=0), lambda request: request.candidates[-1])
    assert (end.status, end.answer) == ("answered", "others")
    assert len(stages_of(end.facts)) == 1


def _tagged(*parts: str) -> Reply:
    return said("".join(parts))


def _call(name: str, arguments: str = "{}") -> Reply:
    return said("", (ToolCall("1", name, arguments),))


THINK, VOICES = "<think>hm</think>", "<tool>voices</tool>"
TAGGED_FAULTS = {
    "several tags": ([_tagged(THINK, VOICES, VOICES)], "may occur only once"),
    "no thinking": ([_tagged(VOICES)], "first think"),
    "both": ([_tagged(THINK, VOICES, "<answer>others</answer>")], "not both"),
    "nothing": ([_tagged(THINK)], "there was neither"),
    "unknown tool": ([_tagged(THINK, "<tool>ask_truth</tool>")], "no tool called “ask_truth”"),
    "wrong arguments": ([_tagged(THINK, "<tool>voices(x=1)</tool>")], "cannot be called like this"),
    "the same again": (
        [_tagged(THINK, VOICES), _tagged(THINK, VOICES)],
        "has been called before",
    ),
    "too early": ([_tagged(THINK, "<answer>others</answer>")], "you have to call voices"),
    "not a candidate": (
        [_tagged(THINK, VOICES), _tagged(THINK, "<answer>Nobody Ever</answer>")],
        "“Nobody Ever” is none of the candidates",
    ),
}
NATIVE_FAULTS = {
    "nothing": ([said("I think it is Ann.")], "there was neither"),
    "unknown tool": ([_call("ask_truth")], "no tool called “ask_truth”"),
    "wrong arguments": ([_call("answer", "[]")], "cannot be called like this"),
    "too early": ([_call("answer", '{"name": "others"}')], "you have to call voices"),
    "the same again": ([_call("voices"), _call("voices")], "has been called before"),
}


@pytest.mark.parametrize(("replies", "correction"), TAGGED_FAULTS.values(), ids=TAGGED_FAULTS)
def test_each_mistake_has_its_own_correction(
    begin: Begin, replies: list[Reply], correction: str
) -> None:
    assert correction in last(_after(begin(), replies))


@pytest.mark.parametrize(("replies", "correction"), NATIVE_FAULTS.values(), ids=NATIVE_FAULTS)
def test_each_mistake_in_function_calls_has_its_own_correction(
    begin: Begin, replies: list[Reply], correction: str
) -> None:
    assert correction in last(_after(begin(dialect="native"), replies))


def _after(conversation: LineConversation, replies: list[Reply]) -> Request:
    request = conversation.open()
    for reply in replies:
        step = conversation.hear(reply)
        assert isinstance(step, Request)
        request = step
    return request


def test_a_model_that_never_answers_is_given_up_after_so_many_turns_and_tries(
    begin: Begin,
) -> None:
    conversation = begin(turns=4, tries=2)
    first = conversation.open()
    steps = [conversation.hear(said("and so on")) for _ in range(8)]
    assert steps[3] == first
    end = steps[-1]
    assert isinstance(end, End)
    assert (end.status, end.answer) == ("gave up", None)
    assert "2 tries" in end.why


def test_the_same_replies_give_the_same_requests(begin: Begin) -> None:
    replies = [_tagged(THINK, VOICES), said("what?"), _tagged(THINK, "<tool>faces()</tool>")]
    one, other = begin(), begin()
    assert one.open() == other.open()
    assert [one.hear(each) for each in replies] == [other.hear(each) for each in replies]


def test_a_look_up_that_is_switched_off_says_that_nothing_can_be_told(begin: Begin) -> None:
    request = _after(begin(without=("voices",)), [_tagged(THINK, VOICES)])
    assert last(request).startswith("No information can be given.")


def test_without_tools_an_answer_counts_at_once(begin: Begin) -> None:
    conversation = begin(tools=False, widen=0)
    assert "voices" not in conversation.open().messages[0].text
    end = conversation.hear(_tagged(THINK, "<answer>others</answer>"))
    assert isinstance(end, End)
    assert end.answer == "others"
