"""What is seen in each clip, in the words of a vision model.

It is shown pictures of the clip with the recognised people boxed and named, and told what is said
there and, as far as is known, by whom.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from castline.story.drawing import draw_people, legend_of
from castline.story.keyframes import Keyframe, KeyframeSettings, choose_keyframes
from castline.story.pictures import pictures_at
from castline.story.telling import Answer, Form, Question, moment, object_schema
from castline.story.transcript import Spoken, between, plain
from castline.tables.catalog import table
from castline.tables.schema import build_frame
from castline.timing import format_seconds

if TYPE_CHECKING:
    import polars as pl

    from castline.media.frames import Frame

__all__ = ["CAPTION", "FilmedClips", "captions_frame", "clip_questions"]


_LONGEST = 6000


class _Caption(msgspec.Struct):
    description: Annotated[str, msgspec.Meta(pattern=r"\S", max_length=_LONGEST)]


CAPTION = Form(_Caption, object_schema(description={"type": "string"}), max_tokens=2048)
"""What a model answers about a clip."""


@dataclass(frozen=True)
class FilmedClips:
    """The clips of an episode, and all that is shown of them.

    Attributes:
        episode: The episode.
        path: The film.
        height: Height of its pictures as shown, in pixels.
        clips: Id, start and end of each clip, in order of time.
        seen: The moments in which there are faces, in order; see `named_faces`.
        spoken: What is said.
    """

    episode: str
    path: Path
    height: int
    clips: Sequence[tuple[str, int, int]]
    seen: list[Keyframe]
    spoken: Sequence[Spoken]


def clip_questions(
    film: FilmedClips, settings: KeyframeSettings, series: str
) -> Iterator[Question]:
    """A question for each clip; its pictures are decoded when its turn comes.

    Args:
        film: The clips.
        settings: How many pictures, and how large.
        series: Name of the series.

    Raises:
        InputError: The film cannot be read.
    """
    times = [each.time_ms for each in film.seen]
    chosen = [
        choose_keyframes(
            start,
            end,
            film.seen[bisect_left(times, start) : bisect_left(times, end)],
            settings,
        )
        for _, start, end in film.clips
    ]
    wanted = [each.time_ms for keyframes in chosen for each in keyframes]
    pictures = pictures_at(film.path, wanted)
    height = min(settings.height, film.height)
    for (_, start, end), keyframes in zip(film.clips, chosen, strict=True):
        marks = legend_of([known.name for each in keyframes for known in each.known])
        shown = zip(keyframes, islice(pictures, len(keyframes)), strict=True)
        yield Question(
            moment(film.episode, start),
            {
                "series": plain(series),
                "people": [{"name": name, "mark": mark} for name, mark in marks.items()],
                "seconds": [format_seconds(each.time_ms - start)[:-2] for each in keyframes],
                "length": format_seconds(end - start)[:-2],
                "lines": between(film.spoken, start, end),
            },
            tuple(_drawn(frame, keyframe, marks, height, film.height) for keyframe, frame in shown),
        )


def _drawn(
    frame: Frame, keyframe: Keyframe, marks: dict[str, str], height: int, film_height: int
) -> bytes:
    picture = frame.picture(height)
    return draw_people(picture, keyframe.known, marks, scale=height / film_height)


def captions_frame(
    clips: Sequence[tuple[str, int, int]], answers: Mapping[str, Answer], episode: str
) -> pl.DataFrame:
    """The table `captions` of the clips that got an answer.

    Args:
        clips: Id, start and end of each.
        answers: By the ids of `clip_questions`.
        episode: The episode.
    """
    told = [(*clip, answer) for clip in clips if (answer := answers.get(moment(episode, clip[1])))]
    return build_frame(
        table("captions"),
        {
            "part": [clip for clip, _, _, _ in told],
            "kind": ["clip"] * len(told),
            "start_ms": [start for _, start, _, _ in told],
            "end_ms": [end for _, _, end, _ in told],
            "text": [plain(answer.value["description"], _LONGEST) for *_, answer in told],
            "source": [answer.source for *_, answer in told],
        },
        episode=episode,
    )
