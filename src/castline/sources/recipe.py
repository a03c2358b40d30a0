"""Bring a series in: from a release to the tables of a project."""

from __future__ import annotations

from pathlib import Path

from castline.errors import RunError
from castline.pipeline.progress import Recorder, Reporter
from castline.pipeline.run import RunSummary, run_units
from castline.project import Project
from castline.tables.store import TableStore

__all__ = ["import_dramasr"]


def import_dramasr(
    folder: Path | str,
    into: Path | str,
    *,
    reporter: Reporter | None = None,
    dry_run: bool = False,
) -> tuple[Project, RunSummary]:
    """Import a series of the DramaSR release; run it again after a stop to go on.

    Args:
        folder: The series folder.
        into: The project folder; made when it is not there.
        reporter: Told about progress and warnings.
        dry_run: Say what would be done and do nothing but make the project.

    Returns:
        The project, and what was done.

    Raises:
        InputError: The folder is no series of the release.
        ProjectBusy: Another run works in the project.
        RunError: Some episodes are broken; all others are imported.
        StorageError: The disk refused.
    """
    from castline.sources.dramasr.units import units

    folder = Path(folder)
    reporter = reporter or Recorder()
    # Before the project is made: a wrong folder must not leave an empty project behind.
    total, listed = units(folder, TableStore(Path(into) / "tables"))
    project = Project.create(into, name=folder.resolve().name)
    with project.lock():
        summary = run_units(project.store, listed, reporter, total=total, dry_run=dry_run)
    if summary.failures:
        raise RunError(summary.failures)
    return project, summary
