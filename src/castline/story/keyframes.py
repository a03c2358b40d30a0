"""Which pictures of a clip are shown to a model, and who is recognised in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec

from castline.story.transcript import plain

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Keyframe", "KeyframeSettings", "Known", "choose_keyframes", "named_faces"]

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of the film as shown."""


@dataclass(frozen=True)
class KeyframeSettings:
    """How many pictures are shown, and how large.

    Attributes:
        per_second: Pictures for each second of a clip.
        most: Greatest number of pictures of a clip; those with the most faces are kept.
        height: Rows of a picture; smaller films keep their size.
    """

    per_second: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0
    most: Annotated[int, msgspec.Meta(ge=1, le=64)] = 8
    height: Annotated[int, msgspec.Meta(ge=90, le=2160)] = 480


@dataclass(frozen=True)
class Known:
    """Somebody who is recognised in a picture.

    Attributes:
        name: The character, as it is shown; see `plain`.
        box: Where the face is.
    """

    name: str
    box: Box


@dataclass(frozen=True)
class Keyframe:
    """One picture to be shown.

    Attributes:
        time_ms: When it is shown in the film.
        faces: How many faces were found in it, recognised or not.
        known: Those that were recognised.
    """

    time_ms: int
    faces: int = 0
    known: tuple[Known, ...] = ()


def named_faces(faces: pl.DataFrame, names: pl.DataFrame) -> list[Keyframe]:
    """All moments of an episode in which faces were looked for and found, in order.

    Args:
        faces: Table `faces`.
        names: Table `face_names`.
    """
    rows = faces.join(names.select("face", "character"), on="face", how="left").sort(
        "start_ms", "left", nulls_last=True
    )
    found: dict[int, list[Known | None]] = {}
    columns = ("start_ms", "character", "left", "top", "right", "bottom")
    for time_ms, name, *box in rows.select(columns).iter_rows():
        left, top, right, bottom = box
        boxed = name is not None and None not in box
        known = Known(plain(name), (left, top, right, bottom)) if boxed else None
        found.setdefault(time_ms, []).append(known)
    return [
        Keyframe(time_ms, len(seen), tuple(each for each in seen if each is not None))
        for time_ms, seen in found.items()
    ]


def choose_keyframes(
    start_ms: int, end_ms: int, seen: list[Keyframe], settings: KeyframeSettings
) -> list[Keyframe]:
    """Choose the pictures of a clip.

    The clip is parted into equal stretches of about a second. Of each the moment with the most
    faces is taken, of two as good the one nearer to the middle, and the middle itself where there
    are none. If that makes too many, those with the most faces stay, and the earlier ones.

    Args:
        start_ms: Where the clip starts.
        end_ms: Where it ends, not included.
        seen: Moments within the clip in which there are faces, in order.
        settings: How many.

    Returns:
        At least one, in order of time.
    """
    stretches = max(1, round((end_ms - start_ms) * settings.per_second / 1000))
    chosen = []
    for number in range(stretches):
        low = start_ms + (end_ms - start_ms) * number // stretches
        high = start_ms + (end_ms - start_ms) * (number + 1) // stretches
        middle = (low + high) // 2
        inside = [each for each in seen if low <= each.time_ms < high]
        chosen.append(
            max(
                inside,
                key=lambda each: (each.faces, len(each.known), -abs(each.time_ms - middle)),
                default=Keyframe(middle),
            )
        )
    kept = sorted(chosen, key=lambda each: -each.faces)[: settings.most]
    return sorted(kept, key=lambda each: each.time_ms)
