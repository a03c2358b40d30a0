"""What `castline doctor` finds out about a machine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from castline.doctor import Ability, abilities, commands, machine
from tests.conftest import Weights


def found(folder: Path) -> dict[str, Ability]:
    return {each.what: each for each in abilities(folder)}


def test_without_weights_every_engine_names_the_command_that_fetches_them(tmp_path: Path) -> None:
    for what in ("see faces", "hear voices", "hear when somebody speaks"):
        ability = found(tmp_path)[what]
        assert not ability.ready
        assert ability.remedy == "castline models pull"


@pytest.mark.parametrize(
    ("engine", "what"),
    [("dlib", "see faces"), ("ge2e", "hear voices"), ("silero", "hear when somebody speaks")],
)
def test_with_weights_an_engine_is_ready_and_its_licence_is_told(
    weights: Weights, engine: str, what: str
) -> None:
    ability = found(weights(engine))[what]
    assert ability.ready
    assert ability.remedy == ""
    assert engine in ability.detail
    assert "weights: " in ability.detail


def test_a_damaged_file_of_weights_is_not_ready(weights: Weights, tmp_path: Path) -> None:
    (tmp_path / "ge2e.pt").write_bytes(b"torn")
    ability = found(tmp_path)["hear voices"]
    assert not ability.ready
    assert "damaged" in ability.detail


@pytest.mark.parametrize(
    ("package", "what", "extra"),
    [
        ("pympi", "write ELAN files", "eaf"),
        ("rapidocr", "read burnt-in subtitles", "ocr"),
        ("mcp", "let agents look things up", "mcp"),
        ("lightgbm", "train a model", "train"),
        ("faster_whisper", "write down speech", "speech"),
    ],
)
def test_a_missing_package_names_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, what: str, extra: str
) -> None:
    find = importlib.util.find_spec

    def without(name: str) -> object:
        return None if name == package else find(name)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    ability = found(tmp_path)[what]
    assert not ability.ready
    assert ability.remedy == f"pip install 'castline[{extra}]'"


def test_what_needs_nothing_is_always_ready(tmp_path: Path) -> None:
    assert abilities(tmp_path)[0].ready


def test_the_machine_is_described_even_when_the_folder_of_weights_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASTLINE_MODELS", str(tmp_path / "a" / "b"))
    facts = machine()
    assert facts["weights"].startswith(str(tmp_path / "a" / "b"))
    assert int(facts["processors"]) >= 1


def test_all_missing_extras_go_into_one_command() -> None:
    missing = [
        Ability("a", ready=False, detail="", remedy="pip install 'castline[ocr]'", extra="ocr"),
        Ability("b", ready=False, detail="", remedy="castline models pull"),
        Ability("c", ready=False, detail="", remedy="pip install 'castline[eaf]'", extra="eaf"),
        Ability("d", ready=False, detail="", remedy="castline models pull"),
    ]
    assert commands(missing) == ["pip install 'castline[ocr,eaf]'", "castline models pull"]
