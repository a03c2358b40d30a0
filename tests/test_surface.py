"""The face of the package: its public names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import castline

HEAVY = ("numpy", "polars", "scipy", "pysubs2", "webvtt", "jinja2", "datasets", "pympi", "praatio")


def test_every_public_name_exists_and_is_listed_in_order() -> None:
    assert castline.__all__ == sorted(castline.__all__)
    for name in castline.__all__:
        assert getattr(castline, name) is not None
    assert dir(castline) == castline.__all__


def _loaded(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_castline_loads_nothing_heavy() -> None:
    loaded = _loaded("import castline")

    assert not loaded & {*HEAVY, "typer", "rich", "msgspec"}


def test_the_help_of_the_command_line_loads_nothing_heavy() -> None:
    code = (
        "import castline.cli as c\n"
        "sys.argv = ['castline', '--help']\n"
        "try:\n    c.main()\nexcept SystemExit:\n    pass"
    )

    assert not _loaded(code) & set(HEAVY)


def test_a_plug_in_module_is_loaded_only_when_its_name_is_asked_for() -> None:
    loaded = _loaded("from castline import subtitles\nsubtitles.formats.names()")

    assert not loaded & {"pysubs2", "webvtt", "datasets", "pympi", "praatio"}
