"""The records of a project as they are now, though a run may make tables anew meanwhile."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from castline.attribution.labels import choose_variant
from castline.serving.records import Records

if TYPE_CHECKING:
    from castline.project import Project

__all__ = ["Library"]


class Library:
    """A project whose records are read again when something has been made anew.

    Args:
        project: The series.
        method: Whose labels are told; those of the best method when None.
        protocol: Under which protocol; any when None.
    """

    def __init__(
        self, project: Project, method: str | None = None, protocol: str | None = None
    ) -> None:
        self._project = project
        self._wanted = method, protocol
        self._read: tuple[dict[Path, int], Records] | None = None

    def records(self) -> Records:
        """The records of now.

        Raises:
            UsageError: There are no such labels.
        """
        stamp = self._stamp()
        if self._read is None or self._read[0] != stamp:
            variant = choose_variant(self._project, *self._wanted)
            self._read = stamp, Records(self._project, variant)
        return self._read[1]

    def _stamp(self) -> dict[Path, int]:
        """When the manifests, which come last, and the edits were written."""
        written = {}
        for path in (*self._project.store.folder.rglob("*.json"), self._project.database):
            # There may be no edits yet, and a manifest goes for a moment when it is replaced.
            with contextlib.suppress(FileNotFoundError):
                written[path] = path.stat().st_mtime_ns
        return written
