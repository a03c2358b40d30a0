"""The unit that looks at the portraits of the cast."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from castline.errors import InputError
from castline.files import read_bytes
from castline.pipeline.stage import Output, Unit
from castline.tables.catalog import GIVEN, table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.engines.base import Detections, FaceEngine, Manifest, Picture
    from castline.people.cast import Cast
    from castline.pipeline.progress import Reporter

__all__ = ["cast_digest", "portraits_unit"]

PORTRAIT_FACES = (0.12, 0.2, 0.35, 0.5)
"""Sizes of the smallest face that is looked for, as shares of the height, one after the other: an
odd face may be found at one size and missed at another."""

PORTRAIT_HEIGHT = 720
"""Portraits are looked at no larger than this many rows."""


def cast_digest(cast: Cast) -> str:
    """Changes with every name and every portrait."""
    facts = hashlib.sha256()
    for member in cast.members:
        facts.update(repr(dataclasses.replace(member, portraits=())).encode())
        for portrait in member.portraits:
            facts.update(portrait.name.encode("utf-8", "surrogateescape"))
            facts.update(hashlib.sha256(read_bytes(portrait)).digest())
    return facts.hexdigest()


def portraits_unit(cast: Cast, manifest: Manifest, models: Path) -> Unit:
    """What the portraits look like: table `portraits`, variant of what was given."""
    output = Output("portraits", variant=GIVEN)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.engines.models import load

        given = any(member.portraits for member in cast.members)
        engine = load("faces", manifest.name, folder=models) if given else None
        rows = []
        for member in cast.members:
            seen = [_portrait(path, engine, reporter) for path in member.portraits]
            found = [each for each in seen if each is not None]
            if member.portraits and not found:
                reporter.warn(f"{member.name}: no portrait shows a face that can be used")
            rows += [(member.name, *each) for each in found]
        size = engine.size if engine is not None else 1
        yield (
            output,
            build_frame(
                table("portraits"),
                {
                    "portrait": [f"{row[0]}/{row[1]}" for row in rows],
                    "character": [row[0] for row in rows],
                    "quality": [row[2] for row in rows],
                    "embedding": np.array([row[3] for row in rows], np.float32).reshape(-1, size),
                },
                origin="given",
                source=manifest.name,
            ),
        )

    return Unit(
        stage="portraits",
        version=1,
        name="series",
        outputs=(output,),
        inputs={"cast": cast_digest(cast), "engine": manifest.fingerprint},
        make=make,
    )


def _portrait(path: Path, engine: Any, reporter: Reporter) -> tuple[str, float, Any] | None:
    """File name, quality and embedding of the one face of a portrait; None without one."""
    from PIL import Image

    from castline.people.portraits import read_portrait
    from castline.people.quality import quality, sharpness

    try:
        whole = Image.fromarray(read_portrait(path))
    except InputError as error:
        reporter.warn(f"{error} It is not used.")
        return None
    whole.thumbnail((2 * PORTRAIT_HEIGHT, PORTRAIT_HEIGHT))
    picture = np.asarray(whole)
    faces = _faces_of_portrait(picture, engine)
    if not len(faces):
        reporter.warn(f"{path}: no face was found in this portrait, so it is not used")
        return None
    if len(faces) > 1:
        areas = np.prod(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1)
        order = np.argsort(-areas, kind="stable")
        if areas[order[1]] > areas[order[0]] / 4:
            reporter.warn(
                f"{path}: there are {len(faces)} faces in this portrait, and nothing says which is "
                "meant, so it is not used. Cut one out."
            )
            return None
        faces = faces.take(order[:1])
    left, top, right, bottom = np.rint(np.maximum(faces.boxes[0], 0)).astype(int)
    luma = picture[top:bottom, left:right].mean(2).astype(np.uint8)
    worth = quality(float(right - left), sharpness(luma))  # that it is a face, its owner says
    return path.name, worth, engine.embed(picture, faces)[0]


def _faces_of_portrait(picture: Picture, engine: FaceEngine) -> Detections:
    """The faces that are certain, else the likeliest one: there ought to be one."""
    best: Detections | None = None
    for share in PORTRAIT_FACES:
        faces = engine.detect(picture, smallest=max(24, round(share * picture.shape[0])))
        sure = np.flatnonzero(faces.scores >= engine.certain)
        if len(sure):
            return faces.take(sure)
        if best is None or faces.scores.max(initial=-np.inf) > best.scores.max(initial=-np.inf):
            best = faces.take(np.arange(min(1, len(faces))))
    assert best is not None
    return best
