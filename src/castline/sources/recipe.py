"""Bring a series in: from a release, or from caption files, to the tables of a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from castline.errors import RunError, UsageError
from castline.pipeline.progress import Recorder, Reporter
from castline.pipeline.run import RunSummary, run_units
from castline.project import Project
from castline.tables.store import TableStore

if TYPE_CHECKING:
    from castline.pipeline.stage import Unit

__all__ = ["import_captions", "import_dramasr"]


def import_dramasr(
    folder: Path | str,
    into: Path | str,
    *,
    reporter: Reporter | None = None,
    dry_run: bool = False,
) -> tuple[Project, RunSummary]:
    """Import a series of the DramaSR release; run it again after a stop to go on.

    A series without a seeds file gets its seeds by the published 1 % rule.

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
    from castline.attribution.seeding import give_seeds
    from castline.sources.dramasr.units import units

    folder = Path(folder)
    reporter = reporter or Recorder()
    # Before the project is made: a wrong folder must not leave an empty project behind.
    total, listed = units(folder, _store(into))
    project, summary = _import(into, folder, total, listed, reporter, dry_run=dry_run)
    if not any(folder.glob("init_seeds_*.json")) and not dry_run:
        made = give_seeds(project, reporter=reporter)
        summary.made.update(made.made)
        summary.fresh.extend(made.fresh)
    return project, summary


def import_captions(
    paths: Sequence[Path | str],
    into: Path | str,
    *,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
    dry_run: bool = False,
) -> tuple[Project, RunSummary]:
    """Import caption or annotation files, one an episode; speakers they name become labels.

    Args:
        paths: The files, in the order of the episodes.
        into: The project folder; made when it is not there.
        format: Name of the format; None tells it by the file.
        options: Options of the format.
        reporter: Told about progress and warnings.
        dry_run: Say what would be done and do nothing but make the project.

    Returns:
        The project, and what was done.

    Raises:
        UnknownName: No such format or option.
        RunError: Some files are broken; all others are imported.
    """
    from castline.sources.captions import units
    from castline.subtitles import get_format

    if not paths:
        raise UsageError("Give at least one file.")
    if format is not None:
        get_format(format)
    reporter = reporter or Recorder()
    files = [Path(path) for path in paths]
    total, listed = units(files, _store(into), format=format, options=options or {})
    return _import(into, None, total, listed, reporter, dry_run=dry_run)


def _store(into: Path | str) -> TableStore:
    return TableStore(Path(into) / "tables")


def _import(
    into: Path | str,
    named_after: Path | None,
    total: int,
    units: Iterator[Unit],
    reporter: Reporter,
    *,
    dry_run: bool,
) -> tuple[Project, RunSummary]:
    project = Project.create(into, name=named_after.resolve().name if named_after else None)
    with project.lock():
        summary = run_units(project.store, units, reporter, total=total, dry_run=dry_run)
    if summary.failures:
        raise RunError(summary.failures)
    return project, summary
