"""Real clips and a made episode from media to labels, with the embedded engines.

    python benchmarks/films.py

Each line with who speaks it and what came out; nothing of the truth is read before.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from castline.attribution.labels import read_labels
from castline.measuring.intake import new_project
from castline.running import run_project
from castline.tables.catalog import OTHERS, UNKNOWN
from castline.testing.episode import write_episode
from castline.testing.episode_demo import demo_script
from common import SHARED, write_results

MEDIA = SHARED / "media"
SEEDS = (7, 8, 9)
"""Made episodes."""


class Film:
    """A film, what is given, and who speaks.

    Args:
        name: For the table.
        video: The film.
        subtitles: Its subtitles.
        cast: Portraits, if there are any.
        truth: Speaker of each line, whether they are seen, and whether the cast has them.
    """

    def __init__(
        self,
        name: str,
        video: Path,
        subtitles: Path,
        cast: Path | None,
        truth: list[tuple[str, bool, bool]],
    ) -> None:
        self.name, self.video, self.subtitles = name, video, subtitles
        self.cast, self.truth = cast, truth


def shared_films() -> list[Film]:
    """The clips that lie beside the project."""
    films = []
    for name, video, subtitles in (
        ("grid_scene", "scene.mp4", "scene.srt"),
        ("sintel_trailer", "trailer.mp4", "trailer.en.srt"),
    ):
        folder = MEDIA / name
        lines = json.loads((folder / "truth.json").read_text("utf-8"))["lines"]
        truth = [(line["speaker"], line["on_screen"], True) for line in lines]
        films.append(Film(name, folder / video, folder / subtitles, folder / "cast", truth))
    folder = MEDIA / "described" / "perspective"
    films.append(
        Film(
            "perspective",
            folder / "perspective-video.mp4",
            folder / "perspective-caption.vtt",
            None,
            [],
        )
    )
    return films


def made_film(seed: int, folder: Path) -> Film:
    """The episode of the demonstration, filmed with another seed."""
    files = write_episode(demo_script(seed), folder)
    truth = json.loads(files.truth.read_text("utf-8"))
    cast = {each["name"] for each in truth["people"] if each["in_cast"]}
    return Film(
        f"made episode {seed}",
        files.video,
        files.subtitles,
        files.cast,
        [(t["speaker"], t["on_screen"], t["speaker"] in cast) for t in truth["lines"]],
    )


def judged(film: Film, work: Path) -> tuple[list[Any], list[list[Any]]]:
    """The row of a film, and a row for each of its lines."""
    project = new_project(
        work / film.name.replace(" ", "-"), [film.video], subtitles=[film.subtitles], cast=film.cast
    )
    start = time.perf_counter()
    variant, _ = run_project(project, jobs=1)
    seconds = time.perf_counter() - start
    labels = read_labels(project, variant)["character"].to_list()
    truth = film.truth or [("the narrator", False, False)] * len(labels)
    details, right, unknown, wrong = [], 0, 0, 0
    for number, (label, (speaker, seen, in_cast)) in enumerate(
        zip(labels, truth, strict=True), start=1
    ):
        if label == speaker or (not in_cast and label not in {s for s, _, _ in truth}):
            verdict, right = "right", right + 1
        elif label in (UNKNOWN, OTHERS) and not seen:
            verdict, right = "right: off screen and not guessed", right + 1
        elif label == UNKNOWN:
            verdict, unknown = "unknown", unknown + 1
        else:
            verdict, wrong = "wrong", wrong + 1
        details.append(
            [film.name, number, speaker, "seen" if seen else "off screen", label, verdict]
        )
    return [film.name, len(labels), right, unknown, wrong, f"{seconds:.0f}"], details


def main() -> None:
    rows, details = [], []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        films = shared_films()
        films += [made_film(seed, work / f"film {seed}") for seed in SEEDS]
        for film in films:
            row, lines = judged(film, work)
            rows.append(row)
            details += lines
    header = ["film", "lines", "right", "unknown", "wrong", "seconds"]
    write_results("films", header, rows)
    header = ["film", "line", "speaker", "where", "label", "verdict"]
    write_results("film-lines", header, details)


if __name__ == "__main__":
    main()
