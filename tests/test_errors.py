from __future__ import annotations

import copy
import pickle
import re

import pytest

from castline import errors
from castline.errors import (
    CastlineError,
    EndpointError,
    InputError,
    MissingExtra,
    RunError,
    UnknownName,
    UsageError,
)

CLASSES: list[type[CastlineError]] = [getattr(errors, name) for name in errors.__all__]
EXIT_CODES = {
    "CastlineError": 1,
    "UsageError": 2,
    "UnknownName": 2,
    "SettingsError": 2,
    "MissingExtra": 2,
    "ProjectError": 3,
    "TableError": 3,
    "ProjectBusy": 4,
    "InputError": 5,
    "StorageError": 6,
    "RunError": 7,
    "EndpointError": 8,
    "LimitReached": 9,
}


def an_error(kind: type[CastlineError]) -> CastlineError:
    if kind is InputError:
        return InputError("s/1.json", "cut off.", place="line 3", remedy="Copy it again.")
    if kind is UnknownName:
        return UnknownName("format", "srd", ["srt", "vtt"])
    if kind is MissingExtra:
        return MissingExtra("Reading .eaf", package="pympi-ling", extra="eaf")
    if kind is EndpointError:
        return EndpointError("vendor", "rate limit", "wait.", retry_after_s=2.0, tokens=(3, 4))
    if kind is RunError:
        return RunError({"import 0002": "broken", "import 0005": "missing"})
    return kind("what was found, where, what to do")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_survives_pickling_with_its_attributes(
    kind: type[CastlineError], protocol: int
) -> None:
    error = an_error(kind)
    error.add_note("from worker 3")
    back = pickle.loads(pickle.dumps(error, protocol))
    assert type(back) is kind
    assert str(back) == str(error)
    assert back.__dict__ == error.__dict__
    assert back.exit_code == error.exit_code
    assert copy.copy(error).__dict__ == error.__dict__


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if line.strip().startswith("CastlineError "):
            above = ["CastlineError"]
        found = re.match(r"    ((?:│   |    )*)[├└]── (\w+)  +\S", line)
        if found and above:
            depth = len(found[1]) // 4 + 1
            above = [*above[:depth], found[2]]
            drawn[found[2]] = above[depth - 1]
    real = {kind.__name__: kind.__bases__[0].__name__ for kind in CLASSES}
    # The one exception to the drawing: a wrong name is also a wrong call.
    assert real.pop("UnknownName") == UsageError.__name__
    assert drawn.pop("UnknownName") == "CastlineError"
    real.pop("CastlineError")
    assert drawn == real


def test_every_class_of_the_module_is_exported() -> None:
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, CastlineError)
    }
    assert defined == set(errors.__all__)


def test_exit_codes_are_those_promised() -> None:
    assert {kind.__name__: kind.exit_code for kind in CLASSES} == EXIT_CODES


def test_a_broken_file_is_told_with_file_place_problem_and_remedy() -> None:
    error = an_error(InputError)
    assert str(error) == "s/1.json, line 3: cut off. Copy it again."
    assert isinstance(error, InputError)
    assert (str(error.path), error.place) == ("s/1.json", "line 3")
    assert str(InputError("a.srt", "empty.")) == "a.srt: empty."


def test_an_unknown_name_offers_the_nearest_and_lists_the_known() -> None:
    assert "Did you mean 'srt'? Known: srt, vtt." in str(an_error(UnknownName))
    assert "Known: none." in str(UnknownName("character", "X", []))
    assert "…" in str(UnknownName("line", "zzz", map(str, range(50))))


def test_a_failed_run_lists_every_failed_unit() -> None:
    message = str(an_error(RunError))
    assert "import 0002: broken" in message
    assert "import 0005: missing" in message
