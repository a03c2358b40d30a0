"""The demonstration: a small film of our own, through everything that Castline does with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from castline.errors import UsageError

if TYPE_CHECKING:
    from castline.pipeline.progress import Reporter

__all__ = ["run_demo"]


def run_demo(
    into: Path, *, seed: int, burnt_in: bool, offline: bool, reporter: Reporter
) -> tuple[dict[str, Any], str]:
    """Film an episode, measure it, say who speaks, compare with the truth, export.

    Args:
        into: A new folder, or an empty one.
        seed: Another seed makes another film.
        burnt_in: The subtitles are part of the picture and have to be read.
        offline: Forbid the network.
        reporter: Told about progress.

    Returns:
        What came out, as plain values and as text for people.

    Raises:
        UsageError: The folder holds something already.
        InputError: Weights of the engines are missing; says how to get them.
    """
    from castline.attribution.labels import read_labels
    from castline.exports import export
    from castline.measuring.intake import new_project
    from castline.report.evaluation import evaluate_project
    from castline.running import run_project
    from castline.sources.truth import import_truth
    from castline.testing.episode import write_episode
    from castline.testing.episode_demo import demo_script

    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise UsageError(f"{into}: the place is taken. Name a new folder for the demonstration.")
    film = write_episode(
        demo_script(seed, burnt_in=burnt_in),
        into / "film",
        progress=lambda done, total: reporter.step("film", done, total, "episode.mp4"),
    )
    project = new_project(
        into / "series",
        [film.video],
        subtitles=() if burnt_in else [film.subtitles],
        cast=film.cast,
        name="The Harbour Light",
        lines="burnt-in" if burnt_in else "subtitles",
    )
    variant, _ = run_project(project, offline=offline, reporter=reporter)
    import_truth(project, {"episode": film.turns}, reporter=reporter)
    outcome = evaluate_project(project)
    right = outcome.evaluation.rules["code-s"].total.all
    captions = export(project, format="vtt", to=into / "captions", reporter=reporter)
    lines = read_labels(project, variant).height
    facts = {
        "film": str(film.video),
        "project": str(project.folder),
        "report": str(outcome.report),
        "captions": [str(path) for path in captions],
        "lines": lines,
        "accuracy": right.percent,
    }
    cues = captions[0].read_text(encoding="utf-8").split("\n\n")[1:9]
    text = (
        f"A film of our own, {lines} lines: drawn people, made voices, cuts, voices off screen.\n"
        "Castline got the film, its subtitles without names, and two portraits of each of the "
        f"cast.\n\nRight: {right.percent:.1f} % of the lines (rule code-s).\n\n"
        f"From {captions[0]}:\n\n" + "\n\n".join(cues) + "\n\n"
        f"film:     {film.video}\ncaptions: {into / 'captions'}\nreport:   {outcome.report}\n"
        f"project:  {project.folder}"
    )
    return facts, text
