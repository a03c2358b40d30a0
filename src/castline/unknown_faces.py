"""People who come back without a name: how often and when they are seen, what they look like.

Naming one is giving a portrait: the picture that is written here, renamed, in the cast folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.errors import TableError
from castline.files import safe_name, storage_errors, write_atomically

if TYPE_CHECKING:
    import polars as pl

    from castline.project import Project

__all__ = ["UnknownFace", "list_unknown_faces", "write_pictures"]

MARGIN = 0.6
"""Picture kept around the box of a face, in widths of the box."""


@dataclass(frozen=True)
class UnknownFace:
    """Somebody without a name who is seen more than once.

    Attributes:
        cluster: The name given meanwhile: `face-1` is seen most.
        tracks: In how many tracks.
        episodes: In which episodes.
        episode: Where the best face is.
        time_ms: When.
        box: Left, top, right, bottom of that face in pixels.
    """

    cluster: str
    tracks: int
    episodes: tuple[str, ...]
    episode: str
    time_ms: int
    box: tuple[int, int, int, int]


def list_unknown_faces(project: Project) -> list[UnknownFace]:
    """Everybody who comes back without a name, most seen first.

    Raises:
        TableError: Faces have not been measured.
    """
    import polars as pl

    store = project.store
    parts = []
    for episode in project.episodes():
        if not store.exists("face_names", episode) or not store.exists("faceprints", episode):
            continue
        prints = store.read("faceprints", episode, columns=["face", "quality"])
        names = store.read("face_names", episode, columns=["face", "cluster"])
        faces = store.read("faces", episode)
        parts.append(faces.join(names, on="face").join(prints, on="face", how="left"))
    if not parts:
        raise TableError(
            f"{project.folder}: no faces have been measured. `castline run` measures a film."
        )
    known = pl.concat(parts).filter(pl.col("cluster").is_not_null())
    found = [_unknown_face(*each) for each in known.group_by("cluster", maintain_order=True)]
    return sorted(found, key=lambda each: (-each.tracks, each.cluster))


def _unknown_face(key: tuple[object, ...], rows: pl.DataFrame) -> UnknownFace:
    best = rows.sort("quality", descending=True, nulls_last=True).row(0, named=True)
    return UnknownFace(
        cluster=str(key[0]),
        tracks=rows["track"].n_unique(),
        episodes=tuple(rows["episode"].unique(maintain_order=True)),
        episode=best["episode"],
        time_ms=best["start_ms"],
        box=(best["left"], best["top"], best["right"], best["bottom"]),
    )


def write_pictures(project: Project, found: list[UnknownFace], to: Path) -> list[Path]:
    """Write the best picture of each as `TO/<cluster>.png`.

    Raises:
        InputError: A film cannot be read.
        StorageError: The disk refused.
    """
    import io

    from PIL import Image

    with storage_errors(to, "create"):
        to.mkdir(parents=True, exist_ok=True)
    written = []
    for each in found:
        buffer = io.BytesIO()
        Image.fromarray(_cut(_frame(project, each), each.box)).save(buffer, "PNG")
        path = to / f"{safe_name(each.cluster)}.png"
        write_atomically(path, buffer.getvalue())
        written.append(path)
    return written


def _frame(project: Project, face: UnknownFace) -> npt.NDArray[np.uint8]:
    from castline.media.frames import index_frames, plan_parts, read_frames

    film = project.folder / project.store.read("media", face.episode)["path"][0]
    parts = plan_parts(index_frames(film), 1.0)
    part = max((p for p in parts if p.start_ms <= face.time_ms), key=lambda p: p.start_ms)
    frames = read_frames(film, part)
    return next(frame.picture() for frame in frames if frame.time_ms >= face.time_ms)


def _cut(picture: npt.NDArray[np.uint8], box: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    left, top, right, bottom = box
    more = round(MARGIN * (right - left))
    return picture[max(0, top - more) : bottom + more, max(0, left - more) : right + more]
