"""The rules clause by clause on hand-made lines, breakdowns, intervals and the paired test."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from castline.attribution.evaluate import RULES, Evaluation, compare, evaluate, mcnemar_p
from castline.attribution.evaluation.resampling import Resampling
from castline.errors import UnknownName, UsageError

# Anna and Bert are known; Cleo is in the cast but nobody ever saw her; the narrator has no face.
CAST = pl.DataFrame(
    {
        "character": ["Anna", "Bert", "Cleo", "Voice over", "A#B"],
        "kind": ["character", "character", "character", "narrator", "character"],
        "faces": [9, 4, 0, 0, 1],
    }
)
LABELS = {
    "line": pl.String,
    "character": pl.String,
    "score": pl.Float32,
    "margin": pl.Float32,
    "method": pl.String,
    "confidence": pl.Float32,
}
CANDIDATES = {"line": pl.String, "character": pl.String, "rank": pl.Int64, "score": pl.Float32}

Said = tuple[str, str | Sequence[str]] | tuple[str, str | Sequence[str], Sequence[str]]


def frames(
    said: Sequence[Said], cast: pl.DataFrame = CAST, episode: str = "0001"
) -> dict[str, Any]:
    """Tables of lines given as (annotation, label or labels, candidates), two seconds apart."""
    n = len(said)
    ids = [f"{episode}-{i + 1:05d}" for i in range(n)]
    written = [each[0] for each in said]
    speakers = [list(dict.fromkeys(w.replace("/", "|").split("|"))) for w in written]
    labels: list[tuple[str, str, float, float, str, None]] = []
    candidates: list[tuple[str, str, int, float]] = []
    for line, each in zip(ids, said, strict=True):
        named = [each[1]] if isinstance(each[1], str) else list(each[1])
        labels += [(line, name, 1 - i / 10, 0.1, "m", None) for i, name in enumerate(named)]
        listed = each[2] if len(each) == 3 else ()
        candidates += [(line, name, i + 1, 0.9 - i / 10) for i, name in enumerate(listed)]
    return {
        "lines": pl.DataFrame(
            {
                "line": ids,
                "start_ms": [2000 * i for i in range(n)],
                "end_ms": [2000 * i + 1000 for i in range(n)],
                "text": [f"text {i}" for i in range(n)],
            },
            schema_overrides={"line": pl.String, "text": pl.String},
        ),
        "truth": pl.DataFrame(
            {
                "line": ids,
                "episode": [episode] * n,
                "speaker": written,
                "speakers": speakers,
                "deleted": ["!删除!" in w for w in written],
                "unknown": [all(s in ("未知", "未知-1") for s in each) for each in speakers],
            },
            schema={
                "line": pl.String,
                "episode": pl.String,
                "speaker": pl.String,
                "speakers": pl.List(pl.String),
                "deleted": pl.Boolean,
                "unknown": pl.Boolean,
            },
        ),
        "labels": pl.DataFrame(labels, schema=LABELS, orient="row"),
        "candidates": pl.DataFrame(candidates, schema=CANDIDATES, orient="row"),
        "cast": cast,
    }


def verdict(
    rule: str, truth: str, label: str | Sequence[str], candidates: Sequence[str] = ()
) -> bool | None:
    found = evaluate(**frames([(truth, label, candidates)]), rules=[rule]).judged[rule][0]
    assert found is None or isinstance(found, bool)
    return found


@pytest.mark.parametrize(
    ("truth", "label", "right"),
    [
        ("Anna", "Anna", True),
        ("Anna", "Bert", False),
        ("Anna", "others", False),
        ("Anna", "unknown", False),
        ("Anna", "voice-1", False),
        ("Voice over", "Voice over", True),
        ("Voice over", "Anna", False),
        ("Voice over", "others", False),  # a narrator is known without a face
        ("a guest", "others", True),
        ("a guest", "unknown", True),
        ("a guest", "voice-3", True),
        ("a guest", "Cleo", True),  # in the cast, but never seen: not a known name
        ("a guest", "Anna", False),
        ("Cleo", "others", True),
        ("Anna|Bert", "Anna", False),
        ("Anna|Bert", "others", True),
        ("Anna/a guest", "voice-1", True),
        ("A#B", "A#B", True),  # one name, no two speakers
        ("未知", "others", True),
        ("未知", "Anna", False),
        ("其他", "others", True),
        ("其他", "Anna", False),
    ],
)
def test_code_s_compares_names_as_written(truth: str, label: str, right: bool) -> None:
    assert verdict("code-s", truth, label) is right


@pytest.mark.parametrize(
    ("truth", "label", "candidates", "right"),
    [
        # the true speaker is a candidate: only that name is right
        ("Anna", "Anna", ["Anna", "Bert"], True),
        ("Anna", "others", ["Anna", "Bert"], False),
        # known, but never considered: others is right, too, a new voice is not
        ("Anna", "Anna", ["Bert"], True),
        ("Anna", "others", ["Bert"], True),
        ("Anna", "voice-1", ["Bert"], False),
        ("Anna", "unknown", ["Bert"], False),
        ("Anna", "Bert", ["Bert"], False),
        ("Anna", "others", [], True),
        # nobody known: others, unknown and new voices are right
        ("a guest", "others", ["Anna"], True),
        ("a guest", "unknown", ["Anna"], True),
        ("a guest", "voice-2", ["Anna"], True),
        ("a guest", "a guest", ["Anna"], True),
        ("a guest", "Cleo", ["Anna"], False),
        ("a guest", "Anna", ["Anna"], False),
        ("Anna|Bert", "Anna", ["Anna"], False),
        ("未知", "Anna", ["Anna"], False),
        ("未知", "unknown", ["Anna"], True),
        # the release's word for others never is among the candidates of its statistics
        ("其他", "others", ["Anna"], True),
        ("其他", "voice-1", ["Anna"], True),
        ("其他", "voice-1", ["Anna", "others"], True),
        ("其他", "Anna", ["Anna"], False),
        # one annotation holds the release's own name for a new voice
        ("新角色-4", "voice-4", ["voice-4"], True),
        ("新角色-4", "others", ["voice-4"], False),
        ("新角色-4", "voice-5", ["Anna"], True),
    ],
)
def test_code_c_is_milder_where_the_truth_was_no_candidate(
    truth: str, label: str, candidates: list[str], right: bool
) -> None:
    assert verdict("code-c", truth, label, candidates) is right


@pytest.mark.parametrize(
    ("truth", "label", "right"),
    [
        ("Anna", "Anna", True),
        ("Anna", "others", False),
        ("a guest", "others", True),
        ("a guest", "Anna", False),
        ("Anna|Bert", "Anna", True),
        ("Anna/Bert", "Bert", True),
        ("Anna|Bert", "others", True),
        ("Anna|a guest", "Bert", False),
        ("未知", "Anna", True),
        ("未知", "others", True),
        ("A#B", "others", False),
    ],
)
def test_paper_takes_any_of_several_speakers(truth: str, label: str, right: bool) -> None:
    assert verdict("paper", truth, label) is right


@pytest.mark.parametrize(
    ("truth", "label", "right"),
    [
        ("Anna", ["Anna"], True),
        ("Anna", ["Anna", "Bert"], False),
        ("Anna", ["unknown"], False),
        ("Anna|Bert", ["Anna"], False),
        ("Anna|Bert", ["Bert", "Anna"], True),
        ("Anna/Bert", ["others"], False),
        ("Anna|a guest", ["others", "Anna"], True),
        ("Anna|a guest", ["voice-1", "Anna"], True),
        ("one|another", ["others"], False),
        ("one|another", ["voice-1", "voice-2"], True),
        ("one|another", ["voice-1", "others"], True),
        ("a guest", ["voice-1"], True),
        ("a guest", ["Cleo"], True),
        ("a guest", ["unknown"], False),
        ("a guest", ["voice-1", "voice-2"], False),
        ("Cleo", ["others"], True),
        ("A#B", ["A#B"], True),
        ("未知", ["Anna"], None),
        ("未知", ["unknown"], None),
    ],
)
def test_strict_wants_exactly_the_speakers(
    truth: str, label: list[str], right: bool | None
) -> None:
    assert verdict("strict", truth, label) is right


def test_code_c_leaves_all_lines_out_of_a_method_without_candidates() -> None:
    given = frames([("Anna", "others"), ("a guest", "others")])
    del given["candidates"]
    found = evaluate(**given)
    assert found.rules["code-c"].left_out == 2
    assert found.rules["code-c"].total.all.percent is None
    assert found.rules["code-c"].candidates == ()
    assert found.rules["code-s"].total.all.right == 1


def test_deleted_lines_count_nowhere() -> None:
    found = evaluate(**frames([("Anna", "Anna"), ("!删除!Anna!", "Bert")]))
    assert (found.counts.lines, found.counts.deleted) == (1, 1)
    assert all(each.total.all.counted == 1 for each in found.rules.values())
    assert found.confusion.pairs == ()


def test_a_cast_without_any_faces_is_known_as_a_whole() -> None:
    cast = CAST.with_columns(faces=pl.lit(0))
    found = evaluate(**frames([("Cleo", "others")], cast), rules=["code-s"])
    assert found.judged["code-s"].to_list() == [False]
    assert found.counts.known == 5


def test_a_line_without_a_label_counts_as_unknown() -> None:
    given = frames([("Anna", "Anna"), ("Anna", "Anna"), ("a guest", "others")])
    given["labels"] = given["labels"].head(1)
    found = evaluate(**given)
    assert found.counts.unlabelled == 2
    assert found.judged["code-s"].to_list() == [True, False, True]
    assert found.judged["strict"].to_list() == [True, False, False]


def test_the_label_of_the_best_score_speaks_for_several() -> None:
    given = frames([("Anna", ["Anna", "Bert"])])
    given["labels"] = given["labels"].reverse()
    assert evaluate(**given).judged["code-s"].to_list() == [True]


def test_a_cast_name_that_looks_like_a_new_voice_is_a_name() -> None:
    cast = pl.concat(
        [CAST, pl.DataFrame({"character": ["voice-7"], "kind": ["character"], "faces": [0]})]
    )
    found = evaluate(**frames([("a guest", "voice-7", ["Anna"])], cast), rules=["code-c"])
    assert found.judged["code-c"].to_list() == [False]


def test_seeds_are_left_out_of_the_second_column() -> None:
    given = frames([("Anna", "Anna"), ("Anna", "Bert"), ("Anna", "Anna")])
    total = evaluate(**given, seeds=pl.DataFrame({"line": ["0001-00001"]})).rules["code-s"].total
    assert (total.all.right, total.all.counted) == (2, 3)
    assert (total.unseeded.right, total.unseeded.counted) == (1, 2)


def test_durations_are_half_open() -> None:
    given = frames([("Anna", "Anna")] * 7)
    lengths = [0, 499, 500, 999, 1000, 1999, 2000]
    given["lines"] = given["lines"].with_columns(
        end_ms=pl.col("start_ms") + pl.Series(lengths, dtype=pl.Int64)
    )
    groups = evaluate(**given).rules["code-s"].duration
    assert [(each.name, each.all.counted) for each in groups] == [
        ("very short", 2),
        ("short", 2),
        ("medium", 2),
        ("long", 1),
    ]


def test_lines_without_candidates_have_a_row_of_their_own() -> None:
    listed = [[], ["a"], ["a", "b"], list("abc"), list("abcd"), list("abcde"), list("abcdefg")]
    groups = evaluate(**frames([("Anna", "Anna", each) for each in listed])).rules["code-s"]
    assert [(each.name, each.all.counted) for each in groups.candidates] == [
        ("0", 1),
        ("1-2", 2),
        ("3-4", 2),
        ("5+", 2),
    ]


@pytest.mark.parametrize(
    ("face", "seen"),
    [
        (("0001", 70_999 + 20_001, "Anna", 0.45), True),  # 20 s after the end, to the millisecond
        (("0001", 91_001, "Anna", 0.45), False),
        (("0001", 50_000, "Anna", 0.45), True),
        (("0001", 49_999, "Anna", 0.45), False),
        (("0001", 70_000, "Anna", 0.449), False),
        (("0001", 70_000, "Bert", 0.9), False),
        (("0001", 70_000, None, 0.9), False),
        (("0002", 70_000, "Anna", 0.9), False),
    ],
)
def test_a_speaker_is_visible_by_a_face_of_the_same_episode(
    face: tuple[str, int, str | None, float], seen: bool
) -> None:
    given = frames([("Anna", "Anna"), ("a guest", "others"), ("Anna|Bert", "Anna")])
    given["lines"] = given["lines"].with_columns(
        start_ms=pl.lit(70_000, pl.Int64), end_ms=pl.lit(71_000, pl.Int64)
    )
    faces = pl.DataFrame(
        [(face[0], face[1], face[1], face[2], face[3])],
        schema={
            "episode": pl.String,
            "start_ms": pl.Int64,
            "end_ms": pl.Int64,
            "character": pl.String,
            "score": pl.Float32,
        },
        orient="row",
    )
    groups = evaluate(**given, faces=faces).rules["code-s"].visibility
    assert {each.name: each.all.counted for each in groups} == {
        "seen": int(seen),
        "unseen": int(not seen),
    }


def test_a_long_face_is_seen_although_a_later_one_has_ended() -> None:
    given = frames([("Anna", "Anna")] * 60)
    faces = pl.DataFrame(
        {
            "episode": ["0001", "0001"],
            "start_ms": [0, 10],
            "end_ms": [90_000, 20],
            "character": ["Anna", "Anna"],
            "score": [0.9, 0.9],
        }
    )
    seen, unseen = evaluate(**given, faces=faces).rules["code-s"].visibility
    assert (seen.all.counted, unseen.all.counted) == (56, 4)


def test_characters_have_precision_and_recall() -> None:
    found = evaluate(
        **frames(
            [
                ("Anna", "Anna"),
                ("Anna", "Bert"),
                ("Anna", "Anna"),
                ("Bert", "Anna"),
                ("a guest", "voice-1"),
                ("Anna|Bert", "Anna"),
            ]
        )
    )
    anna, bert, others = found.rules["code-s"].characters
    assert (anna.name, anna.lines, anna.labelled) == ("Anna", 3, 4)
    assert (anna.recall.all.right, anna.recall.all.counted) == (2, 3)
    assert (anna.precision.all.right, anna.precision.all.counted) == (2, 4)
    assert (bert.lines, bert.labelled, bert.recall.all.right) == (1, 1, 0)
    assert (others.name, others.known, others.recall.all.right) == ("others", False, 1)
    # by the paper's rule the line of both is right for whoever got it
    assert found.rules["paper"].characters[0].precision.all.right == 3


def test_confusion_keeps_the_most_frequent_and_sums_up_the_rest() -> None:
    names = [f"person {i:02d}" for i in range(17)]
    cast = pl.DataFrame(
        {"character": names, "kind": ["character"] * 17, "faces": [1] * 17},
    )
    said: list[Said] = [(name, name) for i, name in enumerate(names) for _ in range(20 - i)]
    said += [(names[0], names[16]), (names[0], "unknown"), ("a guest", names[16])]
    confusion = evaluate(**frames(said, cast)).confusion
    assert confusion.characters == tuple(names[:15])
    assert len(confusion.counts) == 17
    assert {len(row) for row in confusion.counts} == {18}
    assert confusion.counts[0] == (20, *[0] * 14, 1, 0, 1)
    assert confusion.counts[15][15] == 5 + 4
    assert confusion.counts[16][15] == 1
    assert (names[0], "unknown", 1) in confusion.pairs
    assert sum(map(sum, confusion.counts)) == len(said)


def test_margins_make_a_histogram() -> None:
    given = frames([("Anna", "Anna"), ("Anna", "Bert"), ("Anna", "Anna")])
    given["labels"] = given["labels"].with_columns(
        margin=pl.Series([0.04, 0.039, 0.7], dtype=pl.Float32)
    )
    filled = {
        each.name: (each.all.right, each.all.counted)
        for each in evaluate(**given).rules["code-s"].margins
        if each.all.counted
    }
    assert filled == {"0.00-0.04": (0, 1), "0.04-0.08": (1, 1), "0.60+": (1, 1)}


def test_examples_are_wrong_lines_with_their_candidates() -> None:
    found = evaluate(**frames([("Anna", "Anna"), ("Anna|Bert", "Anna", ["Anna", "Bert"])]))
    (example,) = found.examples
    assert (example.truth, example.labels, example.text) == ("Anna|Bert", ("Anna",), "text 1")
    assert [name for name, _ in example.candidates] == ["Anna", "Bert"]
    assert example.wrong_by == ("code-s", "code-c", "strict")


def test_a_series_without_lines_is_evaluated_to_nothing() -> None:
    found = evaluate(**frames([]))
    assert found.rules["code-s"].total.all.percent is None
    assert found.rules["code-s"].episodes == ()
    assert found.examples == ()
    json.dumps(found.to_dict(), allow_nan=False)


def test_an_unknown_rule_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="code-s"):
        evaluate(**frames([("Anna", "Anna")]), rules=["code_s"])


def test_labels_of_two_methods_are_refused() -> None:
    given = frames([("Anna", "Anna"), ("Anna", "Anna")])
    given["labels"] = given["labels"].with_columns(method=pl.Series(["one", "two"]))
    with pytest.raises(UsageError, match="one method at a time"):
        evaluate(**given)


def random_series(n: int, seed: int) -> dict[str, Any]:
    """Lines over three episodes with mistakes in runs."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(["Anna", "Bert", "a guest", "Anna|Bert", "未知"], n)
    sloppy = np.repeat(rng.random(n // 10 + 1), 10)[:n] ** 3
    guess = rng.choice(["Anna", "Bert", "others", "voice-1", "unknown"], n)
    label = np.where(rng.random(n) < sloppy, guess, truth)
    parts = []
    for episode, chosen in zip(
        ("0001", "0002", "0003"), np.array_split(np.arange(n), 3), strict=True
    ):
        said: list[Said] = [(str(truth[i]), str(label[i]), ["Anna", "Bert"]) for i in chosen]
        parts.append(frames(said, episode=episode))
    joined = {name: pl.concat([part[name] for part in parts]) for name in parts[0]}
    return {**joined, "cast": CAST}


def shuffled(given: dict[str, Any], seed: int) -> dict[str, Any]:
    return {
        name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in given.items()
    }


@settings(max_examples=15, deadline=None)
@given(n=st.integers(0, 200), seed=st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing(n: int, seed: int) -> None:
    series = random_series(n, seed)
    first = evaluate(**series, replicates=100)
    second = evaluate(**shuffled(series, seed), replicates=100)
    assert first == second
    assert first.judged.equals(second.judged)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 300), seed=st.integers(0, 1000))
def test_intervals_contain_their_accuracy(n: int, seed: int) -> None:
    for result in evaluate(**random_series(n, seed), replicates=200).rules.values():
        for score in (result.total, *result.duration, *result.episodes, *result.candidates):
            for share in (score.all, score.unseeded):
                if share.counted:
                    assert share.low is not None
                    assert share.high is not None
                    assert share.percent is not None
                    assert 0 <= share.low <= share.percent + 1e-9
                    assert share.percent - 1e-9 <= share.high <= 100 + 1e-9


def test_the_same_seed_gives_the_same_intervals() -> None:
    series = random_series(500, 1)
    total = [evaluate(**series, seed=seed).rules["code-s"].total for seed in (3, 3, 4)]
    assert total[0] == total[1]
    assert total[0] != total[2]


def interval(right: np.ndarray[Any, Any], block: int) -> tuple[float, float]:
    resampling = Resampling(right.size, block=block)
    everything = np.arange(right.size)
    counted = resampling.sums(everything, np.zeros_like(everything), 1)
    hits = np.flatnonzero(right)
    low, high = resampling.intervals(resampling.sums(hits, np.zeros_like(hits), 1), counted)
    return float(low[0]), float(high[0])


def test_intervals_of_independent_lines_are_as_wide_as_theory_says() -> None:
    right = np.random.default_rng(0).random(20_000) < 0.85
    low, high = interval(right, 50)
    assert high - low == pytest.approx(2 * 196 * math.sqrt(0.85 * 0.15 / 20_000), rel=0.15)


def test_mistakes_in_runs_widen_the_interval() -> None:
    in_runs = np.repeat(np.random.default_rng(0).random(1000) < 0.8, 20)
    low, high = interval(in_runs, 50)
    alone_low, alone_high = interval(in_runs, 1)
    assert high - low > 3 * (alone_high - alone_low)


def test_a_handful_of_right_lines_is_no_certainty() -> None:
    share = evaluate(**frames([("Anna", "Anna")] * 3)).rules["code-s"].total.all
    assert share.percent == 100
    assert share.low == pytest.approx(43.85, abs=0.01)


def test_many_right_lines_are_no_certainty_either() -> None:
    share = evaluate(**frames([("Anna", "Anna")] * 300)).rules["code-s"].total.all
    assert share.low == pytest.approx(98.74, abs=0.01)


def test_mcnemar_is_the_exact_binomial_test() -> None:
    for first, second in ((0, 5), (3, 9), (10, 10), (40, 61)):
        n = first + second
        tail = sum(math.comb(n, k) for k in range(min(first, second) + 1)) / 2**n
        assert mcnemar_p(first, second) == pytest.approx(min(1.0, 2 * tail), rel=1e-12)


def test_mcnemar_stands_big_counts() -> None:
    assert mcnemar_p(0, 0) == 1
    assert mcnemar_p(25_000, 25_000) == 1
    assert mcnemar_p(0, 50_000) == 0
    # against the normal distribution, which is good enough out here
    z = (26_000 - 25_500 - 0.5) / math.sqrt(51_000 / 4)
    assert mcnemar_p(25_000, 26_000) == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-3)


@given(first=st.integers(0, 60_000), second=st.integers(0, 60_000))
def test_mcnemar_is_symmetric_and_a_probability(first: int, second: int) -> None:
    p = mcnemar_p(first, second)
    assert p == mcnemar_p(second, first)
    assert 0 <= p <= 1


def two_methods() -> tuple[Evaluation, Evaluation]:
    series = random_series(400, 2)
    other = random_series(400, 2)
    other["labels"] = other["labels"].with_columns(
        method=pl.lit("n"),
        character=pl.when(pl.int_range(pl.len()) % 7 == 0)
        .then(pl.lit("Anna"))
        .otherwise("character"),
    )
    return evaluate(**series), evaluate(**other)


def test_comparing_the_other_way_round_turns_the_result_round() -> None:
    a, b = two_methods()
    there, back = compare(a, b), compare(b, a)
    assert (there["a"], there["b"]) == ("m", "n")
    for name in RULES:
        one, two = there["rules"][name], back["rules"][name]
        assert one["p"] == two["p"]
        assert (one["only_a"], one["only_b"]) == (two["only_b"], two["only_a"])
        assert one["difference"] == -two["difference"]
        assert one["low"] == pytest.approx(-two["high"])
        assert one["low"] <= one["difference"] <= one["high"]
        assert one["both"] + one["only_a"] + one["only_b"] + one["neither"] == one["lines"]


def test_a_method_is_as_good_as_itself() -> None:
    a, _ = two_methods()
    assert compare(a, a)["rules"]["strict"]["p"] == 1


def test_evaluations_of_different_series_are_not_compared() -> None:
    a = evaluate(**frames([("Anna", "Anna")]))
    b = evaluate(**frames([("Anna", "Anna")], episode="0009"))
    with pytest.raises(UsageError, match="share no line"):
        compare(a, b)
    with pytest.raises(UsageError, match="share no rule"):
        compare(
            a,
            evaluate(**frames([("Anna", "Anna")]), rules=["strict"]).__class__(
                a.method, a.counts, {}, a.confusion, a.examples, a.judged
            ),
        )


def test_the_plain_form_is_json() -> None:
    found = evaluate(**random_series(100, 0))
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["rules"]["code-s"]["total"]["all"]["counted"] == 100
    assert "judged" not in plain


def test_castline_is_imported_without_the_heavy_parts() -> None:
    code = "import castline, sys; print({'polars', 'scipy', 'jinja2', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
