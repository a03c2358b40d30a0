"""Every error that Castline raises on purpose.

::

    CastlineError                 catch this for "Castline says no"
    ├── UsageError                the call or command makes no sense as given
    ├── SettingsError             castline.toml: unknown key, wrong type, out of range
    ├── ProjectError              the folder is no project, or an older or newer one
    │   └── ProjectBusy           another run holds the project
    ├── TableError                a table is missing, damaged, or breaks its declaration
    ├── InputError                a file that was read is broken; says file and place
    ├── StorageError              the disk refused: full, read-only, no permission
    ├── UnknownName               no character, episode, line, method or format of that name
    ├── MissingExtra              an optional package is not installed
    ├── EndpointError             a model behind an endpoint gave no usable reply; says the kind
    ├── LimitReached              a budget of tokens or money is used up; all results were kept
    └── RunError                  a run ended with failed units; all others were kept

Anything else that escapes is a bug of ours and shows its traceback. Every message says what was
found, where, and what to do. Facts are attributes; every error survives pickling, since workers in
other processes raise them too.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "CastlineError",
    "EndpointError",
    "InputError",
    "LimitReached",
    "MissingExtra",
    "ProjectBusy",
    "ProjectError",
    "RunError",
    "SettingsError",
    "StorageError",
    "TableError",
    "UnknownName",
    "UsageError",
]


class CastlineError(Exception):
    """Base of all expected errors; `exit_code` is what the command line returns for it."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception pickles by calling cls(*args); subclasses with keyword facts would fail there.
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(
    cls: type[CastlineError], args: tuple[Any, ...], state: dict[str, Any]
) -> CastlineError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(CastlineError):
    """The call or the command makes no sense as given."""

    exit_code = 2


class SettingsError(CastlineError):
    """A settings file or parameter holds something it may not hold."""

    exit_code = 2


class ProjectError(CastlineError):
    """The folder is no Castline project, or one that this version cannot open."""

    exit_code = 3


class ProjectBusy(ProjectError):
    """Another run is writing to the project."""

    exit_code = 4


class TableError(CastlineError):
    """A table is missing, damaged, or does not fit its declaration."""

    exit_code = 3


class InputError(CastlineError):
    """A file that was given to Castline is broken.

    Attributes:
        path: The file.
        place: Where in the file: a line number, a key, a row; empty when the whole file is meant.
        problem: What was found and what was expected.
        remedy: What the user can do about it.
    """

    exit_code = 5

    def __init__(
        self, path: Path | str, problem: str, *, place: str = "", remedy: str = ""
    ) -> None:
        self.path = Path(path)
        self.place = place
        self.problem = problem
        self.remedy = remedy
        where = f"{self.path}, {place}" if place else str(self.path)
        super().__init__(f"{where}: {problem}" + (f" {remedy}" if remedy else ""))


class StorageError(CastlineError):
    """The disk refused to read or write; nothing half-written was left behind."""

    exit_code = 6


class UnknownName(UsageError):
    """A name that should be among known ones is not.

    Attributes:
        kind: What the name stands for ("character", "format", ...).
        name: The name as given.
        known: The names there are.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        near = difflib.get_close_matches(name, self.known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        shown = ", ".join(self.known[:20]) + (", …" if len(self.known) > 20 else "")
        super().__init__(f"No {kind} is called {name!r}.{hint} Known: {shown or 'none'}.")


class MissingExtra(CastlineError):
    """An optional package is needed and not installed.

    Attributes:
        package: The missing package.
        extra: The extra of Castline that brings it.
    """

    exit_code = 2

    def __init__(self, purpose: str, *, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed: "
            f"run  pip install 'castline[{extra}]'"
        )


class EndpointError(CastlineError):
    """A model behind an endpoint gave no usable reply.

    Attributes:
        endpoint: Name of the endpoint.
        kind: What went wrong, in a word or two: "unreachable", "bad key", "timeout", ...
        problem: What was found, and what to do.
        retry_after_s: For how long the server asks to be left alone; None when it does not say.
        tokens: Tokens read and written that the server charges nevertheless.
    """

    exit_code = 8

    def __init__(
        self,
        endpoint: str,
        kind: str,
        problem: str,
        *,
        retry_after_s: float | None = None,
        tokens: tuple[int, int] = (0, 0),
    ) -> None:
        self.endpoint = endpoint
        self.kind = kind
        self.problem = problem
        self.retry_after_s = retry_after_s
        self.tokens = tokens
        super().__init__(f"endpoint {endpoint!r}: {kind}: {problem}")


class LimitReached(CastlineError):
    """A limit that the user set ended a run early; everything that was paid for is kept."""

    exit_code = 9


class RunError(CastlineError):
    """Some units of a run failed; everything that succeeded is kept.

    Attributes:
        failures: Unit name to message.
    """

    exit_code = 7

    def __init__(self, failures: Mapping[str, object]) -> None:
        self.failures = {unit: str(problem) for unit, problem in failures.items()}
        listed = "\n".join(f"  {unit}: {message}" for unit, message in self.failures.items())
        super().__init__(
            f"{len(self.failures)} of the units failed; all others were kept. "
            f"Mend these and run the same command again:\n{listed}"
        )
