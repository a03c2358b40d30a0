"""What this machine can do with Castline, and what would add the rest."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from castline.processors import available_processors

__all__ = ["Ability", "abilities", "commands", "machine"]


@dataclass(frozen=True)
class Ability:
    """One thing that Castline can do.

    Attributes:
        what: In words.
        ready: Whether it works here.
        detail: With what, or what is missing.
        remedy: The command that adds it; empty when it is there or cannot be had.
        extra: The extra of Castline that adds it, if one does.
    """

    what: str
    ready: bool
    detail: str
    remedy: str = ""
    extra: str = ""


def commands(found: list[Ability]) -> list[str]:
    """The fewest commands that add what is missing: all extras go into one.

    >>> commands([Ability("a", False, "", "", "ocr"), Ability("b", False, "", "x")])
    ["pip install 'castline[ocr]'", 'x']
    """
    extras = list(dict.fromkeys(each.extra for each in found if each.extra and not each.ready))
    install = [f"pip install 'castline[{','.join(extras)}]'"] if extras else []
    others = [each.remedy for each in found if each.remedy and not each.extra]
    return [*install, *dict.fromkeys(others)]


_BY_PACKAGE = (
    ("write ELAN files", "pympi", "eaf"),
    ("write Hugging Face data sets", "datasets", "datasets"),
    ("read burnt-in subtitles", "rapidocr", "ocr"),
    ("let agents look things up", "mcp", "mcp"),
    ("train a model", "lightgbm", "train"),
)


def machine() -> dict[str, str]:
    """Python, processors, memory, and room where weights are kept."""
    from castline.engines.models import models_folder

    facts = {
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "processors": str(available_processors()),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        facts["memory"] = f"{memory / 1e9:.0f} GB"
    folder = models_folder()
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    facts["weights"] = f"{folder} ({shutil.disk_usage(there).free / 1e9:.0f} GB free)"
    return facts


def abilities(folder: Path | None = None) -> list[Ability]:
    """Everything that needs more than the default install, and whether it works here.

    Args:
        folder: The models folder; this user's when None.
    """
    return [
        Ability("import, attribute, evaluate, edit, export", ready=True, detail="always"),
        _engine("see faces", "faces", "dlib", folder),
        _engine("hear voices", "voices", "ge2e", folder),
        _engine("hear when somebody speaks", "speech-activity", "silero", folder),
        *(_package(*each) for each in _BY_PACKAGE),
        _recogniser(folder),
    ]


def _engine(what: str, kind: str, name: str, folder: Path | None) -> Ability:
    from castline.engines.models import need
    from castline.errors import InputError

    try:
        manifest = need(kind, name, folder)
    except InputError as error:
        return Ability(what, False, error.problem, "castline models pull")
    return Ability(what, True, f"{name}; weights: {manifest.licence}")


def _package(what: str, package: str, extra: str) -> Ability:
    if importlib.util.find_spec(package) is None:
        return Ability(
            what,
            False,
            f"package {package} is missing",
            f"pip install 'castline[{extra}]'",
            extra,
        )
    return Ability(what, True, package)


def _recogniser(folder: Path | None) -> Ability:
    from castline.engines.models import recognisers

    what = "write down speech"
    package = _package(what, "faster_whisper", "speech")
    if not package.ready:
        return package
    models = recognisers(folder)
    if not models:
        return Ability(
            what,
            False,
            "faster_whisper is there, but no model of it; docs/engines.md says which and how",
            "castline models add FOLDER",
        )
    return Ability(what, True, f"faster_whisper with {', '.join(models)}")
