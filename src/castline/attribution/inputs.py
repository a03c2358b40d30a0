"""What attribution depends on: digests of the tables it reads, and people's edits."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from castline.attribution.series import voice_scale
from castline.errors import TableError
from castline.tables.edits import EditLog

if TYPE_CHECKING:
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["active_edits", "input_digests"]

_READ = ("lines", "voices", "faces", "face_names", "mouths")


def input_digests(project: Project, *extra: tuple[str, str]) -> dict[str, str]:
    """Digests of the tables that a method reads; the truth is not among them."""
    store = project.store
    episodes = project.episodes()
    if not episodes:
        raise TableError(f"{project.folder}: the project has no lines. Import a series first.")
    wanted = [(name, episode, "") for name in _READ for episode in episodes]
    wanted += [(name, "series", "") for name in ("cast", "relations")]
    wanted += [(name, "series", variant) for name, variant in extra]
    found = {
        "/".join(part for part in (name, variant, unit) if part): store.manifest(
            name, unit, variant
        )
        for name, unit, variant in wanted
    }
    digests = {name: manifest.digest for name, manifest in found.items() if manifest}
    scale = voice_scale(store, episodes)
    if scale is not None:
        content = msgspec.json.encode(scale)
        digests["scale of the voice engine"] = hashlib.sha256(content).hexdigest()
    return digests


def active_edits(project: Project, reporter: Reporter) -> dict[str, str]:
    """Line id to the speaker that a person gave it; edits whose line is gone are warned of."""
    import polars as pl

    log = EditLog(project.database)
    if not log.active():
        return {}
    columns = ["line", "episode", "start_ms", "end_ms", "text"]
    lines = [project.store.read("lines", each, columns=columns) for each in project.episodes()]
    found, lost = log.anchored(pl.concat(lines))
    for edit in lost:
        reporter.warn(
            f"edit {edit.batch}: line {edit.line} ({edit.text!r}) is no longer in episode "
            f"{edit.episode}; the edit is kept and has no effect"
        )
    return found
