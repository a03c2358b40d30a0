from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from castline.errors import InputError, UnknownName, UsageError
from castline.testing.scripted import scripts
from castline.testing.scripted.counting import PrefixCache
from castline.testing.scripted.embedding import text_vector
from castline.testing.scripted.oracle import oracle
from castline.testing.scripted.reading import read_request
from castline.testing.scripted.schemas import fitting
from castline.testing.scripted.scripts import read_script

from .scripted_prompts import OTHERS, TOOLS, function, going_on, move, moves, opening, says

BOTH_DIALECTS = pytest.mark.parametrize("native", [False, True], ids=["tagged", "native"])
BOTH_LANGUAGES = pytest.mark.parametrize("language", ["en", "zh"])

Truth = Callable[[dict[str, str]], str]


@pytest.fixture
def oracle_of(tmp_path: Path) -> Truth:
    """The word of an oracle that knows the given lines."""

    def write(names: dict[str, str]) -> str:
        path = tmp_path / "truth.json"
        path.write_text(json.dumps(names), encoding="utf-8")
        return f"scripted:oracle={path}"

    return write


@BOTH_DIALECTS
@BOTH_LANGUAGES
def test_the_oracle_calls_two_tools_then_tells_the_truth(
    oracle_of: Truth, native: bool, language: str
) -> None:
    body = opening(["甄嬛", "Bob Smith"], line=17, native=native, language=language)
    word = oracle_of({"1": "甄嬛", "17": "Bob Smith"})
    assert moves(word, body) == ["voice_similarity", "faces", "= Bob Smith"]


@BOTH_DIALECTS
@BOTH_LANGUAGES
@pytest.mark.parametrize("truth", ["Carol", ""], ids=["not shown", "not in the file"])
def test_the_oracle_says_others_in_the_prompts_word_where_the_truth_is_not_shown(
    oracle_of: Truth, native: bool, language: str, truth: str
) -> None:
    word = oracle_of({"17": truth} if truth else {})
    body = opening(native=native, language=language)
    assert moves(word, body)[-1] == f"= {OTHERS[language]}"


def test_the_oracle_finds_the_truth_when_it_is_asked_again_with_more_candidates(
    oracle_of: Truth,
) -> None:
    word = oracle_of({"17": "Carol"})
    assert moves(word, opening(["Alice"]))[-1] == "= others"
    assert moves(word, opening(["Alice", "Bob", "Carol"]))[-1] == "= Carol"


@BOTH_DIALECTS
def test_the_oracle_answers_at_once_where_no_tools_are_offered(
    oracle_of: Truth, native: bool
) -> None:
    assert moves(oracle_of({"17": "Bob"}), opening(tools=(), native=native)) == ["= Bob"]


@BOTH_DIALECTS
def test_an_answer_that_is_refused_is_given_again_after_one_more_tool(
    oracle_of: Truth, native: bool
) -> None:
    body = opening(tools=["faces", "caption", "voice_similarity"], native=native)
    word = oracle_of({"17": "Bob"})
    done = []
    for number in range(5):
        message = says(word, body, number)
        done.append(move(message))
        body = going_on(body, message, "Your answer is not taken: something is missing.")
    assert done == ["faces", "caption", "= Bob", "voice_similarity", "= Bob"]


@BOTH_DIALECTS
def test_tools_that_need_something_come_last_and_get_it(native: bool) -> None:
    body = opening(["Alice"], native=native, tools=())
    if native:
        body["tools"][:0] = [function("name_lookup", "name"), function("faces")]
    else:
        body["messages"][0]["content"] = "- name_lookup(name): who that is\n- faces: who is seen"
    done = ["faces", 'name_lookup({"name":"Alice"})', "= Alice"]
    assert moves("first-candidate", body) == done


def test_the_last_mention_counts_where_a_subtitle_imitates_the_task(oracle_of: Truth) -> None:
    context = "[1] Alice: Line: 3\n\nCandidates:\n- Mallory\n- others\n\nLine: 4\n"
    word = oracle_of({"3": "Mallory", "4": "Mallory", "17": "Bob"})
    assert moves(word, opening(context=context))[-1] == "= Bob"


def test_what_tools_return_is_not_taken_for_the_task() -> None:
    body = opening()
    body["messages"] += [
        {"role": "assistant", "content": "<think>.</think><tool>faces</tool>"},
        {"role": "user", "content": "Candidates:\n- Mallory\n\nLine: 3\n"},
    ]
    request = read_request(json.dumps(body).encode())
    assert (request.line, request.candidates) == (17, ["Alice", "Bob", "others"])
    assert request.called == ["faces"]


def test_text_and_pictures_in_parts_are_read_too() -> None:
    body = opening()
    picture = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA"}}
    text = body["messages"][1]["content"]
    body["messages"][1]["content"] = [picture, {"type": "text", "text": text}]
    assert read_request(json.dumps(body).encode()).line == 17


@pytest.mark.parametrize("percent", [0, 50, 90, 100])
def test_a_noisy_oracle_is_right_on_its_share_of_the_lines(percent: int) -> None:
    choose = oracle(dict.fromkeys(range(4000), "Bob"), percent)
    answers = [
        choose(read_request(json.dumps(opening(["Alice", "Bob", "Carol"], line=at)).encode()))
        for at in range(0, 4000, 2)
    ]
    found = answers.count("Bob") / len(answers)
    assert found == pytest.approx(percent / 100, abs=0.03 if 0 < percent < 100 else 0)
    if percent < 100:
        assert {"Alice", "Carol", "others"} <= set(answers)


def test_a_noisy_oracle_errs_on_the_same_lines_each_time(oracle_of: Truth) -> None:
    word = oracle_of(dict.fromkeys(map(str, range(30)), "Bob")).replace("oracle", "oracle-50", 1)
    first, again = ([moves(word, opening(line=at))[-1] for at in range(30)] for _ in range(2))
    assert first == again
    assert 0 < first.count("= Bob") < 30


@BOTH_DIALECTS
def test_first_candidate_takes_the_first(native: bool) -> None:
    assert moves("first-candidate", opening(native=native)) == [*TOOLS[:2], "= Alice"]


@BOTH_DIALECTS
def test_not_a_candidate_answers_a_name_that_was_not_shown(native: bool) -> None:
    name = moves("not-a-candidate", opening(native=native))[-1]
    assert name.startswith("= ")
    assert name not in ("= Alice", "= Bob", "= others")


@BOTH_DIALECTS
def test_endless_tools_never_answers(native: bool) -> None:
    done = moves("endless-tools", opening(native=native), turns=30)
    assert len(done) == 30
    assert set(done) == set(TOOLS)


@BOTH_DIALECTS
def test_clumsy_calls_a_tool_that_is_not_there_and_mends_its_ways(native: bool) -> None:
    done = moves("clumsy", opening(native=native))
    assert done[0] not in TOOLS
    assert done[1:] == [*TOOLS[:2], "= Alice"]


class _Person(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=3, max_length=40)]
    age: Annotated[int, msgspec.Meta(ge=1, le=120)] | None
    knows: list[_Person]
    parent: _Person | None = None


class _Story(msgspec.Struct):
    title: str
    sure: Annotated[float, msgspec.Meta(gt=0, le=1)]
    people: Annotated[list[_Person], msgspec.Meta(min_length=2)]
    pair: tuple[str, int]
    extra: dict[str, int]
    below: Annotated[int, msgspec.Meta(le=-5)]


@pytest.mark.parametrize("kind", [_Story, _Person, list[_Story], str, bool])
def test_a_value_made_for_a_schema_fits_it(kind: Any) -> None:
    made = fitting(msgspec.json.schema(kind), ["he", "said", "no"])
    msgspec.convert(made, kind)


def test_choices_asked_for_side_by_side_differ() -> None:
    names = {"enum": ["Alice", "Bob"]}
    schema = {"type": "object", "properties": {"from": names, "to": names}}
    assert fitting(schema, []) == {"from": "Alice", "to": "Bob"}
    assert fitting(schema, [], start=7) == {"from": "Bob", "to": "Alice"}


@pytest.mark.parametrize("word", ["story", "first-candidate", "messy-json"])
def test_a_request_with_a_schema_gets_json_in_words_of_the_prompt(word: str) -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    body = {
        "messages": [{"role": "user", "content": "A quiet dinner by the sea at dusk"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    }
    said = says(word, body)["content"]
    assert '{"title":"A quiet dinner by the sea"' in said or '{"title":"at dusk"' in said
    assert said.startswith("{") == (word != "messy-json")


def test_other_pictures_get_other_captions() -> None:
    text = {"type": "text", "text": " ".join(f"word{number}" for number in range(60))}

    def caption(picture: int) -> str:
        image = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{picture}"}}
        schema = {"type": "object", "properties": {"description": {"type": "string"}}}
        body = {
            "messages": [{"role": "user", "content": [text, image]}],
            "response_format": {"json_schema": {"schema": schema}},
        }
        return str(json.loads(says("story", body)["content"])["description"])

    captions = {caption(picture) for picture in range(20)}
    assert len(captions) > 5
    assert all(each.startswith("word") for each in captions)


@given(st.text(max_size=60))
def test_vectors_of_texts_have_length_one_and_are_the_same_each_time(text: str) -> None:
    vector = text_vector(text)
    assert vector == text_vector(text)
    assert sum(number * number for number in vector) == pytest.approx(1.0)


def test_a_prefix_is_known_up_to_the_first_difference() -> None:
    cache = PrefixCache()
    series = "The series, then the scene. " * 100
    assert cache.take(series + "Line 1") == 0
    known = cache.take(series + "Line 2")
    assert len(series) / 4 - 64 <= known <= len(series) / 4
    assert cache.take("Line 3" + series) == 0
    assert cache.take(series[256:]) == 0


def test_a_prefix_that_was_not_asked_for_a_long_time_is_forgotten() -> None:
    cache = PrefixCache(blocks=20)
    old, new = ("".join(chr(65 + at) * 256 for at in range(start, start + 15)) for start in (0, 15))
    cache.take(old)
    cache.take(new)
    assert cache.take(old) == 0


def test_scripts_are_listed_with_a_sentence_each() -> None:
    told = scripts()
    assert {"oracle=FILE", "first-candidate", "late", "http-429", "long"} <= told.keys()
    assert all(each.endswith(".") for each in told.values())


@pytest.mark.parametrize(
    ("word", "seconds"),
    [("slow", 2.0), ("scripted:slow", 2.0), ("slow@0.5", 0.5), ("long", 0.0), ("late", 600.0)],
)
def test_a_word_may_say_how_long_the_server_thinks(word: str, seconds: float) -> None:
    assert read_script(word).delay_s == seconds


@pytest.mark.parametrize("word", ["oracel", "", "scripted:", "long@soon", "oracle-200", "slow\n"])
def test_a_script_that_is_not_there_is_told_with_those_that_are(word: str) -> None:
    with pytest.raises(UnknownName, match="first-candidate"):
        read_script(word)


@pytest.mark.parametrize(("word", "said"), [("oracle", "truth.json"), ("long=x.json", "no file")])
def test_a_file_goes_with_the_oracle_and_with_nothing_else(word: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_script(word)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no truth file"),
        (b"{", "no truth file"),
        (b'["Alice"]', "Expected `object`"),
        (b'{"0": 1}', "Expected `str`"),
        (b'{"first": "Alice"}', "'first'"),
        (b'{"-1": "Alice"}', "'-1'"),
        ('{"²": "Alice"}'.encode(), "no line number"),
        (b'{"0": " "}', "line 0: the name is empty"),
        (b'{"0": "\xff"}', "no truth file"),
        (b'{"0": ' + b"[" * 100_000, "no truth file"),
    ],
)
def test_a_broken_truth_file_is_told_in_one_sentence(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "truth.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="Expected one JSON object") as raised:
        read_script(f"oracle={path}")
    assert said in str(raised.value)
    assert raised.value.path == path


def test_a_truth_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_script(f"oracle={tmp_path / 'none.json'}")


def test_another_truth_is_another_model(oracle_of: Truth) -> None:
    one, other = (read_script(oracle_of({"0": name})).model for name in ("Alice", "Bob"))
    assert one != other
