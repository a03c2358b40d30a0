"""The whole chain on a film project: measure, attribute. What `castline run` does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from castline.errors import CastlineError, RunError
from castline.pipeline.progress import Recorder
from castline.pipeline.run import RunSummary

if TYPE_CHECKING:
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["run_project"]


def run_project(
    project: Project,
    *,
    method: str = "fusion",
    protocol: str = "auto",
    settings: Mapping[str, Any] | None = None,
    jobs: int | None = None,
    offline: bool = False,
    reporter: Reporter | None = None,
    dry_run: bool = False,
) -> tuple[str, RunSummary]:
    """Measure the films of a project and label every line.

    Args:
        project: The series.
        method: A method of attribution.
        protocol: A protocol, or `auto`.
        settings: Settings of the method.
        jobs: Processes that look at pictures; one for each processor when None.
        offline: Forbid the network.
        reporter: Told about progress and warnings.
        dry_run: Say what would be made and why, and make nothing.

    Returns:
        The variant of the labels table, and what was done.

    Raises:
        RunError: Some units failed; all others were kept, and the lines of whole episodes are
            labelled.
        CastlineError: As `measure` and `attribute`.
    """
    from castline.attribution.recipe import METHODS, attribute, choose_protocol
    from castline.measuring.recipe import measure

    reporter = reporter or Recorder()
    # A name that does not exist is told before hours of work, not after.
    variant = f"{METHODS.get(method).name}-{choose_protocol(project, protocol).name}"
    measured = RunSummary()
    failures: dict[str, str] = {}
    try:
        measured = measure(project, jobs=jobs, offline=offline, reporter=reporter, dry_run=dry_run)
    except RunError as error:
        if not project.episodes():
            raise
        failures = error.failures
    if dry_run and not project.episodes():
        measured.made[f"attribute-{method} series"] = "not made yet"
        return variant, measured
    try:
        variant, labelled = attribute(
            project,
            method=method,
            protocol=protocol,
            settings=settings,
            reporter=reporter,
            dry_run=dry_run,
        )
    except CastlineError as error:
        if not failures:
            raise
        raise RunError({**failures, "attribute": error}) from error
    if failures:
        raise RunError(failures)
    made, fresh = {**measured.made, **labelled.made}, [*measured.fresh, *labelled.fresh]
    return variant, RunSummary(made, fresh)
