"""Names that stand for code: formats, methods, engines.

A registry is a dictionary from name to import path, read when a name is asked for, plus one group
of entry points through which other distributions add names. Listing never imports anything, so
`castline --help` may list all engines on a machine that can run none of them.

A third party adds a name in its own pyproject.toml::

    [project.entry-points."castline.formats"]
    stl = "their_package.stl:StlFormat"
"""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from castline.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind of plug-in, and what each stands for.

    Attributes:
        kind: What a name stands for, in the singular, for messages ("format").
        entry_point_group: The group other distributions use ("castline.formats").
    """

    def __init__(self, kind: str, entry_point_group: str, builtin: Mapping[str, str]) -> None:
        """Declare the names that Castline itself brings, each as `package.module:attribute`."""
        self.kind = kind
        self.entry_point_group = entry_point_group
        self._builtin = dict(builtin)
        self._loaded: dict[str, T] = {}

    def names(self) -> tuple[str, ...]:
        """All names, our own first, each group sorted; imports nothing."""
        return (*sorted(self._builtin), *sorted(self._plugged().keys() - self._builtin.keys()))

    def builtin_names(self) -> tuple[str, ...]:
        """The names that Castline itself brings, sorted; the same on every machine."""
        return tuple(sorted(self._builtin))

    def __contains__(self, name: object) -> bool:
        return name in self._builtin or name in self._plugged()

    def get(self, name: str) -> T:
        """What a name stands for; imported on the first call, kept for later ones.

        Raises:
            UnknownName: No such name; the error offers the nearest.
            UsageError: Another distribution registered the name, and its code cannot be loaded.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> T:
        # Our own names win: a plug-in may add to Castline but not replace parts of it unnoticed.
        if name in self._builtin:
            module, _, attribute = self._builtin[name].partition(":")
            return cast("T", getattr(importlib.import_module(module), attribute))
        entry = self._plugged().get(name)
        if entry is None:
            raise UnknownName(self.kind, name, self.names())
        try:
            return cast("T", entry.load())
        except Exception as error:
            source = entry.dist.name if entry.dist else "an unknown distribution"
            raise UsageError(
                f"The {self.kind} {name!r} comes from the package {source!r} and cannot be loaded "
                f"({entry.value}: {type(error).__name__}: {error}). "
                f"Update that package or uninstall it."
            ) from error

    def _plugged(self) -> dict[str, Any]:
        # Sorted by distribution, so that two that claim one name give the same winner everywhere.
        entries = importlib.metadata.entry_points(group=self.entry_point_group)
        by_source = sorted(entries, key=lambda entry: entry.dist.name if entry.dist else "")
        return {entry.name: entry for entry in reversed(by_source)}
