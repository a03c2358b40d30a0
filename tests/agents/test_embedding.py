"""Vectors of texts: by letters, and behind an endpoint."""

from __future__ import annotations

import json

import numpy as np
import pytest

from castline.agents.embedding import EmbeddingEndpoint, LetterEmbedder
from castline.errors import EndpointError
from tests.agents.conftest import Serve
from tests.agents.served import Asked, Sent, refused

TEXTS = (
    "两个男人在雨里说话",
    "雨里，两个男人还在说话。",
    "皇后在宫里喝茶",
    "Two men talk in the rain.",
    "Men talking in heavy rain",
    "",
)


def vectors(asked: Asked) -> Sent:
    """Each text as its length and a one; the last first, as the protocol allows."""
    rows = [
        {"index": k, "embedding": [float(len(text)), 1.0]}
        for k, text in enumerate(asked.body["input"])
    ]
    return Sent(json.dumps({"data": rows[::-1]}).encode())


def test_texts_that_share_words_are_alike() -> None:
    rows = LetterEmbedder().embed(TEXTS)
    alike = rows @ rows.T
    assert alike[0, 1] > 0.5 > alike[0, 2]
    assert alike[3, 4] > 0.4 > alike[3, 2]


def test_rows_have_norm_one_and_a_text_without_letters_none() -> None:
    rows = LetterEmbedder().embed([*TEXTS, "…!?"])
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1] * 5 + [0, 0], abs=1e-6)
    assert LetterEmbedder().embed([]).shape[0] == 0


def test_case_width_and_punctuation_do_not_count() -> None:
    rows = LetterEmbedder().embed(["Ａnn  LEE!", "ann lee", "Bo"])
    assert rows[0] @ rows[1] == pytest.approx(1)


def test_an_endpoint_gives_unit_rows_in_the_order_of_the_texts(serve: Serve) -> None:
    server = serve(vectors)
    rows = EmbeddingEndpoint(server.endpoint()).embed(["a" * (k + 1) for k in range(100)])
    assert np.argsort(rows[:, 0]).tolist() == list(range(100))
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(100))
    assert [len(asked.body["input"]) for asked in server.asked] == [64, 36]


def test_an_endpoint_without_texts_is_not_asked(serve: Serve) -> None:
    server = serve(vectors)
    assert len(EmbeddingEndpoint(server.endpoint()).embed([])) == 0
    assert server.asked == []


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"data": []}', b'{"data": [{"embedding": []}]}', b'{"data": [{"embedding": "x"}]}'],
)
def test_what_are_no_vectors_is_told(serve: Serve, body: bytes) -> None:
    server = serve(lambda _: Sent(body))
    with pytest.raises(EndpointError, match=r"vectors|embedding"):
        EmbeddingEndpoint(server.endpoint()).embed(["a"])


def test_a_fault_that_passes_is_waited_for_and_another_is_not(serve: Serve) -> None:
    def busy_once(asked: Asked) -> Sent:
        return refused(429, Retry_After="0") if len(server.asked) == 1 else vectors(asked)

    server = serve(busy_once)
    assert len(EmbeddingEndpoint(server.endpoint()).embed(["a"])) == 1
    assert len(server.asked) == 2

    locked = serve(lambda _: refused(401))
    with pytest.raises(EndpointError, match="bad key"):
        EmbeddingEndpoint(locked.endpoint()).embed(["a"])
    assert len(locked.asked) == 1
