"""A synthetic episode: a script becomes a film, its subtitles, portraits of the cast and the truth.

::

    from castline.testing.episode import write_episode
    from castline.testing.episode_demo import demo_script

    files = write_episode(demo_script(seed=1), "lamp")
    files.video, files.subtitles, files.cast, files.truth

Everything is drawn and synthesised here, so nobody's face, voice or film is used. The same script
gives the same bytes on the same machine; another machine or other versions of NumPy, Pillow and
the encoders may give others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from castline.files import safe_name, storage_errors, write_atomically
from castline.subtitles import Cue, Document, write
from castline.testing.episode_captions import subtitle_cues
from castline.testing.episode_video import Progress, write_video
from castline.testing.portraits import head_picture

if TYPE_CHECKING:
    from castline.testing.episode_script import Person, Script

__all__ = ["EpisodeFiles", "Progress", "write_episode"]


_PORTRAIT_PLACES = ("parlour", "window", "dunes", "quay", "workshop")
"""Where portraits are taken: by daylight or a good lamp."""


@dataclass(frozen=True)
class EpisodeFiles:
    """What was written.

    Attributes:
        folder: Where everything lies.
        video: `episode.mp4`: H.264 and AAC.
        subtitles: `episode.srt`: the lines without names.
        cast: `cast/`: portraits of the cast, `Name_1.jpg` and `Name_2.jpg`.
        truth: `truth.json`: who really speaks, what is in each shot, who is who.
        turns: `truth.rttm`: who really speaks when.
    """

    folder: Path
    video: Path
    subtitles: Path
    cast: Path
    truth: Path
    turns: Path


def write_episode(
    script: Script, folder: Path | str, *, progress: Progress | None = None
) -> EpisodeFiles:
    """Film a script.

    Memory stays that of one scene, however long the episode is.

    Args:
        script: What to film.
        folder: Where to; made if missing, files in it are replaced.
        progress: Told after each scene.

    Returns:
        Where the files are.

    Raises:
        StorageError: The disk refused.
    """
    folder = Path(folder)
    files = EpisodeFiles(
        folder=folder,
        video=folder / "episode.mp4",
        subtitles=folder / "episode.srt",
        cast=folder / "cast",
        truth=folder / "truth.json",
        turns=folder / "truth.rttm",
    )
    with storage_errors(folder, "make the folder"):
        files.cast.mkdir(parents=True, exist_ok=True)
    cues = subtitle_cues(script)
    write(Document(cues=cues), files.subtitles)
    write(Document(cues=_turns(script), title=safe_name(script.title)), files.turns)
    truth = json.dumps(_truth(script), ensure_ascii=False, indent=1)
    write_atomically(files.truth, truth.encode())
    for number, person in enumerate(script.people):
        if person.in_cast:
            _write_portraits(files.cast, person, seed=script.seed + number)
    with storage_errors(files.video, "write"):
        write_video(script, cues, files.video, progress)
    return files


def _turns(script: Script) -> tuple[Cue, ...]:
    return tuple(
        Cue(line.start_ms, line.end_ms, line.text, (script.people[line.person].name,))
        for line in script.lines
    )


def _truth(script: Script) -> dict[str, Any]:
    names = [person.name for person in script.people]
    return {
        "title": script.title,
        "width": script.width,
        "height": script.height,
        "fps": script.fps,
        "duration_ms": script.end_ms,
        "people": [
            {"name": person.name, "in_cast": person.in_cast, "voice": person.voice}
            for person in script.people
        ],
        "lines": [
            {
                "line": number,
                "start_ms": line.start_ms,
                "end_ms": line.end_ms,
                "text": line.text,
                "speaker": names[line.person],
                "on_screen": script.on_screen(line),
                "visible": [names[person] for person in script.visible(line)],
            }
            for number, line in enumerate(script.lines)
        ],
        "shots": [
            {
                "start_ms": shot.start_ms,
                "end_ms": shot.end_ms,
                "place": shot.framing.place,
                "visible": [names[seen.person] for seen in shot.framing.seen],
            }
            for shot in script.shots
        ],
        "music": [
            {"start_ms": music.start_ms, "end_ms": music.end_ms}
            for scene in script.scenes
            for music in scene.music
        ],
    }


def _write_portraits(folder: Path, person: Person, *, seed: int) -> None:
    """Two portraits whose pose and light differ from each other and from the film."""
    import io

    from PIL import Image

    rng = np.random.default_rng([seed, person.looks])
    for number, place in enumerate(rng.choice(_PORTRAIT_PLACES, 2, replace=False), start=1):
        picture = head_picture(
            person.looks,
            height=180,
            yaw=float((-1) ** number * rng.uniform(4, 10)),
            pitch=float(rng.uniform(-4, 4)),
            mouth=0.2 * (number - 1),
            outfit=person.outfit,
            place=str(place),
            seed=seed + number,
        )
        content = io.BytesIO()
        Image.fromarray(picture).save(content, "JPEG", quality=92)
        write_atomically(folder / f"{safe_name(person.name)}_{number}.jpg", content.getvalue())
