"""Words that stand for behaviours: `first-candidate`, `late@3`, `oracle-90=truth.json`."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgspec

from castline.agents.endpoints import SCRIPTED
from castline.errors import UnknownName, UsageError
from castline.testing.scripted import playing
from castline.testing.scripted.behaviours import BEHAVIOURS, Behaviour
from castline.testing.scripted.oracle import oracle, read_truth

__all__ = ["Script", "read_script", "scripts"]

_DELAYS_S = {"slow": 2.0, "late": 600.0}
_WORD = re.compile(r"([^@=]*)(?:@(\d{1,6}(?:\.\d{1,3})?))?(?:=(.+))?", re.DOTALL)
_ORACLE_WORD = re.compile(r"oracle(?:-(100|\d\d?))?")


@dataclass(frozen=True)
class Script:
    """A behaviour, ready to be played.

    Attributes:
        model: What the model that behaves so is called. Another truth is another model: replies
            that somebody keeps by their model are not to be mixed up.
        play: What it says.
        delay_s: How long it thinks before each reply, seconds.
    """

    model: str
    play: Behaviour
    delay_s: float


_NAMED = {each.__name__.replace("_", "-"): each for each in BEHAVIOURS}


def scripts() -> dict[str, str]:
    """What can be asked for, and a sentence on each."""
    told = {
        "oracle=FILE": "Calls two tools, then tells the truth that FILE holds, if it is shown.",
        "oracle-N=FILE": "Plays like oracle, but is right on N percent of the lines only.",
    }
    for name, behaviour in _NAMED.items():
        told[name] = (inspect.getdoc(behaviour) or "").partition("\n")[0]
    return told


def read_script(word: str) -> Script:
    """The script that a word stands for: `NAME[@SECONDS][=FILE]`, with or without `scripted:`.

    `oracle-90=FILE` tells the truth on 90 % of the lines; `@0.5` after any name sets how many
    seconds pass before each reply.

    Raises:
        UnknownName: There is no such script.
        UsageError: A file is missing, or given to a script that takes none.
        InputError: The file is broken.
    """
    match = _WORD.fullmatch(word.removeprefix(SCRIPTED))
    name, delay, file = match.groups() if match else (word, None, None)
    delay_s = float(delay) if delay else _DELAYS_S.get(name, 0.0)
    if oracle_word := _ORACLE_WORD.fullmatch(name):
        if not file:
            raise UsageError(f"{word!r} names no truth file: write {SCRIPTED}{name}=truth.json")
        truth = read_truth(Path(file))
        model = f"{name}-{crc32(msgspec.json.encode(truth)):08x}"
        return Script(model, _oracle(truth, int(oracle_word[1] or 100)), delay_s)
    if name not in _NAMED:
        raise UnknownName("script", name, scripts())
    if file:
        raise UsageError(f"{word!r}: the script {name!r} takes no file, only oracle does")
    return Script(name, _NAMED[name], delay_s)


def _oracle(truth: dict[int, str], percent: int) -> Behaviour:
    choose = oracle(truth, percent)
    return lambda request, _before: playing.play(request, choose)
