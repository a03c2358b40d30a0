"""The units that look at all episodes together: episodes, cast, library and names."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from castline.measuring.portraits_unit import cast_digest
from castline.pipeline.stage import Output, Unit
from castline.tables.catalog import GIVEN, table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.engines.base import Manifest
    from castline.measuring.episode import Episode
    from castline.people.cast import Cast
    from castline.people.library import LibrarySettings
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["cast_unit", "episodes_unit", "names_unit"]

LIBRARY = "library"
"""Variant of the portraits table for all pictures that the library is made from."""


def episodes_unit(episodes: Sequence[Episode], names: Sequence[str]) -> Unit:
    """The table `episodes`: those that have lines, in the order of the settings."""
    output = Output("episodes")
    listed = [each for each in episodes if each.name in names]
    durations = {
        each.name: each.media()["duration_ms"]
        for each in listed
        if each.project.store.exists("media", each.name)
    }

    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        columns = {
            "episode": [each.name for each in listed],
            "path": [each.files.video for each in listed],
            "language": [each.film.language for each in listed],
            "duration_ms": [durations.get(each.name) for each in listed],
        }
        yield output, build_frame(table("episodes"), columns, source="castline.toml")

    return Unit(
        stage="episodes",
        version=1,
        name="series",
        outputs=(output,),
        inputs={},
        parameters={
            "episodes": [[e.name, e.files.video, e.film.language] for e in listed],
            "durations": durations,
        },
        make=make,
    )


def cast_unit(cast: Cast, path: Path | None) -> Unit:
    """The table `cast`."""
    from castline.people.cast import cast_frame

    output = Output("cast")

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        for problem in cast.problems:
            reporter.warn(problem)
        yield output, cast_frame(cast)

    return Unit(
        stage="cast",
        version=1,
        name="series",
        outputs=(output,),
        inputs={"cast": cast_digest(cast)},
        parameters={"path": str(path or "")},
        make=make,
    )


def names_unit(
    project: Project, episodes: Sequence[str], settings: LibrarySettings, manifest: Manifest
) -> Unit:
    """The library, and whose face each is: `portraits`, `library`, `face_names`."""
    outputs = (
        Output("portraits", variant=LIBRARY),
        Output("library"),
        *(Output("face_names", each) for each in episodes),
    )
    store = project.store

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        import polars as pl

        from castline.engines.calibration import calibrate
        from castline.people.bank import Bank
        from castline.people.library import build_library
        from castline.people.naming import name_tracks
        from castline.people.strangers import group_strangers

        def on_common_scale(frame: pl.DataFrame) -> pl.DataFrame:
            if not frame.height:
                return frame
            rows = frame["embedding"].to_numpy().reshape(frame.height, -1)
            return frame.with_columns(pl.Series("embedding", calibrate(rows, manifest.calibration)))

        faces = pl.concat([store.read("faces", each) for each in episodes])
        given = on_common_scale(store.read("portraits", variant=GIVEN))
        read = [store.read("faceprints", each) for each in episodes]
        if any(each.height for each in read):
            prints = on_common_scale(pl.concat([each for each in read if each.height]))
        else:  # an empty table does not know how wide embeddings are
            prints = read[0].with_columns(given["embedding"].clear())
        made = build_library(given, prints, faces, settings)
        for warning in made.warnings:
            reporter.warn(warning)
        for portrait, reason in made.put_aside.items():
            reporter.warn(f"portrait {portrait} is not used: {reason}")
        yield Output("portraits", variant=LIBRARY), made.portraits
        yield Output("library"), made.library
        names = name_tracks(prints, faces, made.library)
        bank = Bank.read(made.library)
        threshold = bank.threshold if bank else settings.prior
        names = group_strangers(prints, faces, names, threshold)
        for episode in episodes:
            yield Output("face_names", episode), names.filter(pl.col("episode") == episode)

    scale = hashlib.sha256(msgspec.json.encode(manifest.calibration)).hexdigest()
    inputs = {"engine": manifest.fingerprint, "scale": scale}
    for name in ("faces", "faceprints"):
        for episode in episodes:
            if sealed := store.manifest(name, episode):
                inputs[f"{name}/{episode}"] = sealed.digest
    if sealed := store.manifest("portraits", variant=GIVEN):
        inputs["portraits/given"] = sealed.digest
    return Unit(
        stage="names",
        version=1,
        name="series",
        outputs=outputs,
        inputs=inputs,
        parameters=dataclasses.asdict(settings),
        make=make,
    )
