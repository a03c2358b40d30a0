"""The demonstration: a small series of our own, through everything that Castline does with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from castline.errors import UsageError

if TYPE_CHECKING:
    from castline.pipeline.progress import Reporter

__all__ = ["run_demo"]


def run_demo(
    into: Path, *, cast: int, lines: int, noise: float, seed: int, reporter: Reporter
) -> tuple[dict[str, Any], str]:
    """Make a series, attribute, evaluate and export it.

    Args:
        into: A new folder, or an empty one.
        cast: How many characters.
        lines: How many lines.
        noise: How unlike a voice sounds to itself.
        seed: Another seed makes another series.
        reporter: Told about progress.

    Returns:
        What came out, as plain values and as text for people.

    Raises:
        UsageError: The folder holds something already.
    """
    from castline.attribution.recipe import attribute
    from castline.exports import export
    from castline.project import Project
    from castline.report.evaluation import evaluate_project
    from castline.testing.series import SeriesShape, write_series

    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise UsageError(f"{into}: the place is taken. Name a new folder for the demonstration.")
    project = Project.create(into / "series", name="The Harbour Light")
    write_series(project, SeriesShape(cast=cast, lines=lines, noise=noise, seed=seed))
    accuracy: dict[str, float | None] = {}
    for method in ("most-frequent-face", "nearest-seed", "propagation"):
        attribute(project, method=method, reporter=reporter)
        outcome = evaluate_project(project, method=method)
        accuracy[method] = outcome.evaluation.rules["code-s"].total.all.percent
    captions = export(project, format="vtt", to=into / "captions", reporter=reporter)
    facts = {
        "project": str(project.folder),
        "report": str(outcome.report),
        "captions": [str(path) for path in captions],
        "accuracy": accuracy,
    }
    cues = captions[0].read_text(encoding="utf-8").split("\n\n")[1:9]
    scores = "\n".join(
        f"  {method:20} {percent:6.2f} % of the lines" for method, percent in accuracy.items()
    )
    text = (
        f"A made-up series of {lines} lines and {cast} characters; 1 line in 100 was named "
        f"beforehand.\n\nRight by rule code-s:\n{scores}\n\n"
        f"From {captions[0]}:\n\n" + "\n\n".join(cues) + "\n\n"
        f"captions: {into / 'captions'}\nreport:   {outcome.report}\nproject:  {project.folder}"
    )
    return facts, text
