"""Speech to text: never without the user's own weights, and words as ours."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from castline.engines.base import WeightFile, Word
from castline.engines.speech import MANIFEST, WhisperSpeech
from castline.errors import InputError, MissingExtra

SOUND = np.zeros(16_000, np.float32)


def described(*names: str) -> Any:
    files = tuple(WeightFile(name=f"added/w/{name}", sha256="", bytes=1) for name in names)
    return msgspec.structs.replace(MANIFEST, files=files)


class FakeModel:
    """Takes the place of faster-whisper's model: the same call, the same kind of answer."""

    made: dict[str, Any]
    asked: dict[str, Any]

    def __init__(self, path: str, **options: Any) -> None:
        type(self).made = {"path": path, **options}

    def transcribe(self, sound: Any, **options: Any) -> Any:
        type(self).asked = options

        def word(start: float, end: float, text: str) -> SimpleNamespace:
            return SimpleNamespace(start=start, end=end, word=text, probability=np.float64(0.5))

        def segments() -> Any:
            yield SimpleNamespace(words=[word(0.1234, 0.5, " Where"), word(0.5, 0.9, " were")])
            yield SimpleNamespace(words=None)
            yield SimpleNamespace(words=[word(1.0, 1.5, " you?"), word(1.5, 1.5, " ")])

        return segments(), SimpleNamespace(language="en")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeModel]:
    module = SimpleNamespace(WhisperModel=FakeModel)
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    return FakeModel


def model_folder(folder: Path, *names: str) -> Path:
    home = folder / "added" / "w"
    home.mkdir(parents=True)
    for name in names:
        (home / name).write_bytes(b"x")
    return folder


NEEDED = ("config.json", "model.bin", "tokenizer.json")


def test_words_come_by_segment_in_milliseconds(fake: type[FakeModel], tmp_path: Path) -> None:
    folder = model_folder(tmp_path, *NEEDED)

    words = WhisperSpeech(folder, 2, manifest=described(*NEEDED)).words(SOUND, language="en")

    assert words == [
        [Word(123, 500, "Where", 0.5), Word(500, 900, "were", 0.5)],
        [Word(1000, 1500, "you?", 0.5)],
    ]


def test_nothing_is_downloaded_and_nothing_drawn_at_random(
    fake: type[FakeModel], tmp_path: Path
) -> None:
    folder = model_folder(tmp_path, *NEEDED)

    WhisperSpeech(folder, 2, manifest=described(*NEEDED)).words(SOUND)

    assert fake.made["path"] == str(folder / "added" / "w")
    assert fake.made["local_files_only"] is True
    assert fake.made["cpu_threads"] == 2
    assert fake.asked["temperature"] == 0
    assert fake.asked["language"] is None


def test_without_the_package_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)

    with pytest.raises(MissingExtra, match=r"castline\[speech\]"):
        WhisperSpeech(tmp_path).words(SOUND)


def test_without_weights_one_sentence_says_how_to_get_them(
    fake: type[FakeModel], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="castline models add FOLDER"):
        WhisperSpeech(tmp_path).words(SOUND)


def test_a_model_without_its_tokenizer_is_refused_before_anything_is_fetched(
    fake: type[FakeModel], tmp_path: Path
) -> None:
    folder = model_folder(tmp_path, "config.json", "model.bin")

    with pytest.raises(InputError, match=r"lacks tokenizer\.json"):
        WhisperSpeech(folder, manifest=described("config.json", "model.bin")).words(SOUND)


def test_the_real_package_refuses_a_broken_model_in_our_words(tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed")
    folder = model_folder(tmp_path, *NEEDED)

    with pytest.raises(InputError, match="cannot load this model"):
        WhisperSpeech(folder, manifest=described(*NEEDED)).words(SOUND)
