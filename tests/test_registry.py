from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import Any

import pytest

from castline.errors import UnknownName, UsageError
from castline.registry import Registry


def registry(**builtin: str) -> Registry[Any]:
    return Registry("thing", "castline.tests", builtin)


def plug(monkeypatch: pytest.MonkeyPatch, **entries: str) -> None:
    """Pretend that a distribution called `theirs` registered these."""

    class Plugged(EntryPoint):
        dist = SimpleNamespace(name="theirs")  # type: ignore[assignment]

    found: list[EntryPoint] = [
        Plugged(name, value, "castline.tests") for name, value in entries.items()
    ]

    def entry_points(*, group: str) -> list[EntryPoint]:
        assert group == "castline.tests"
        return found

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)


def test_get_imports_on_the_first_call() -> None:
    assert registry(od="collections:OrderedDict").get("od").__name__ == "OrderedDict"


def test_listing_imports_nothing() -> None:
    things = registry(b="no.such.module:Thing", a="neither.this:Thing")
    assert things.names() == things.builtin_names() == ("a", "b")
    assert "a" in things
    assert "c" not in things


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"No thing is called 'pargqet'\. Did you mean 'parquet'"):
        registry(parquet="x:y", srt="x:y").get("pargqet")


def test_others_add_names_but_replace_none(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, od="json:loads", theirs="json:dumps")
    things = registry(od="collections:OrderedDict")
    assert things.names() == ("od", "theirs")
    assert things.get("theirs").__name__ == "dumps"
    assert things.get("od").__name__ == "OrderedDict"
    assert things.builtin_names() == ("od",)


@pytest.mark.parametrize("value", ["no_such_module_at_all:Thing", "json:no_such_attribute"])
def test_a_broken_plug_in_is_named_with_its_distribution(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    plug(monkeypatch, broken=value)
    with pytest.raises(UsageError, match="'broken' comes from the package 'theirs'"):
        registry().get("broken")


def test_importing_subtitles_is_cheap() -> None:
    code = (
        "import sys, castline.subtitles as s; s.formats.names();"
        "print([m for m in ('polars', 'pysubs2', 'pympi', 'praatio', 'datasets', 'webvtt', 'numpy',"
        " 'charset_normalizer', 'castline.subtitles.formats.srt') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
