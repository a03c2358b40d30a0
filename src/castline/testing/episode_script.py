"""The script of a synthetic episode: who there is, what is seen, and who says what when.

A script is plain data, checked when it is made; `episode.write_episode` films it. All times are
milliseconds from the start of the episode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from castline.errors import UsageError
from castline.testing.backdrops import PLACES
from castline.testing.busts import Outfit
from castline.testing.head_pictures import CUT_OUT, HEAD_UNITS
from castline.testing.looks import PEOPLE
from castline.testing.synthetic_voices import VOICES

__all__ = ["Framing", "Line", "Music", "Person", "Scene", "Script", "Seen", "Shot"]

SMALLEST_HEAD = 24
"""Pixels from chin to crown; smaller heads are no heads."""


@dataclass(frozen=True)
class Person:
    """Somebody seen or heard.

    Attributes:
        name: What the truth calls them; different for all people of a script.
        looks: Number of their looks in `PEOPLE`.
        voice: Number of their voice in `VOICES`.
        outfit: Their clothes.
        in_cast: Whether they belong to the cast, with portraits; extras do not.
    """

    name: str
    looks: int
    voice: int
    outfit: Outfit = field(default_factory=Outfit)
    in_cast: bool = True


@dataclass(frozen=True)
class Seen:
    """Where somebody is in the picture.

    Attributes:
        person: Number in the script's people.
        x: Middle of the head, as a share of the picture's width.
        y: The same of its height.
        height: Of the head, from chin to crown, as a share of the picture's height.
        yaw: Degrees that the head is turned to the right.
        pitch: Degrees that it is lowered.
    """

    person: int
    x: float = 0.5
    y: float = 0.42
    height: float = 0.42
    yaw: float = 0.0
    pitch: float = 0.0


@dataclass(frozen=True)
class Framing:
    """A set-up of the camera, often used for several shots.

    Attributes:
        place: A name from `PLACES`.
        angle: Which way the camera looks there.
        seen: Who is in the picture; heads must not touch.
    """

    place: str
    angle: int = 0
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True)
class Shot:
    """One framing from one cut to the next."""

    start_ms: int
    end_ms: int
    framing: Framing


@dataclass(frozen=True)
class Line:
    """What somebody says.

    Attributes:
        start_ms: When the voice starts.
        end_ms: When it ends.
        person: Number of the speaker in the script's people.
        text: The words of the subtitle.
    """

    start_ms: int
    end_ms: int
    person: int
    text: str


@dataclass(frozen=True)
class Music:
    """Soft chords under the voices."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class Scene:
    """Shots and lines that belong together; no line reaches beyond its scene."""

    shots: tuple[Shot, ...]
    lines: tuple[Line, ...] = ()
    music: tuple[Music, ...] = ()

    @property
    def start_ms(self) -> int:
        """When the first shot starts."""
        return self.shots[0].start_ms

    @property
    def end_ms(self) -> int:
        """When the last shot ends."""
        return self.shots[-1].end_ms


@dataclass(frozen=True)
class Script:
    """A whole episode.

    Attributes:
        title: Its title.
        people: Everybody seen or heard.
        scenes: One after the other, without gaps.
        width: Of the picture in pixels, even.
        height: The same.
        fps: Pictures a second; every cut lies on one.
        burnt_in: Whether the subtitles are drawn into the picture.
        seed: Draws backgrounds, syllables, blinks and motion.

    Raises:
        UsageError: The script contradicts itself.
    """

    title: str
    people: tuple[Person, ...]
    scenes: tuple[Scene, ...]
    width: int = 640
    height: int = 360
    fps: int = 25
    burnt_in: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        problem = next(_problems(self), None)
        if problem:
            raise UsageError(f"The script {self.title!r} cannot be filmed: {problem}.")

    @property
    def shots(self) -> tuple[Shot, ...]:
        """Of all scenes, in order."""
        return tuple(shot for scene in self.scenes for shot in scene.shots)

    @property
    def lines(self) -> tuple[Line, ...]:
        """Of all scenes, in order of their start."""
        return tuple(line for scene in self.scenes for line in scene.lines)

    @property
    def end_ms(self) -> int:
        """When the episode ends."""
        return self.scenes[-1].end_ms

    def visible(self, line: Line) -> tuple[int, ...]:
        """People in the picture at some time during a line, in order of appearance."""
        shots = (shot for shot in self.shots if _shared_ms(shot, line))
        return tuple(dict.fromkeys(seen.person for shot in shots for seen in shot.framing.seen))

    def on_screen(self, line: Line) -> bool:
        """Whether the speaker is in the picture for at least half of a line."""
        shown_ms = sum(
            _shared_ms(shot, line)
            for shot in self.shots
            if any(seen.person == line.person for seen in shot.framing.seen)
        )
        return 2 * shown_ms >= line.end_ms - line.start_ms


def _shared_ms(shot: Shot, line: Line) -> int:
    return max(0, min(shot.end_ms, line.end_ms) - max(shot.start_ms, line.start_ms))


def _problems(script: Script) -> Iterator[str]:
    yield from _odd_pictures(script)
    yield from _odd_people(script)
    yield from _odd_times(script)
    for shot in script.shots:
        yield from _odd_framing(script, shot.framing)


def _odd_pictures(script: Script) -> Iterator[str]:
    if script.width % 2 or script.height % 2 or min(script.width, script.height) < SMALLEST_HEAD:
        yield f"{script.width}x{script.height} is no size; both must be even and {SMALLEST_HEAD}+"
    if script.fps < 1 or 1000 % script.fps:
        yield f"{script.fps} pictures a second do not divide 1000 ms"
    if not script.scenes or not all(scene.shots for scene in script.scenes):
        yield "there is no scene, or a scene without a shot"


def _odd_people(script: Script) -> Iterator[str]:
    names = [person.name for person in script.people]
    if len(set(names)) < len(names) or not all(names):
        yield "two people have one name, or somebody has none"
    for person in script.people:
        if person.looks not in range(len(PEOPLE)) or person.voice not in range(len(VOICES)):
            yield f"{person.name!r} has looks or a voice that do not exist"
    known = range(len(script.people))
    if not all(line.person in known for line in script.lines):
        yield "somebody speaks who is not among the people"
    if not all(seen.person in known for shot in script.shots for seen in shot.framing.seen):
        yield "somebody is seen who is not among the people"


def _odd_times(script: Script) -> Iterator[str]:
    frame_ms = 1000 // script.fps
    cuts = [0, *(shot.end_ms for shot in script.shots)]
    for shot, cut in zip(script.shots, cuts, strict=False):
        if shot.start_ms != cut or shot.end_ms <= cut or shot.end_ms % frame_ms:
            yield f"the shot at {shot.start_ms} ms leaves a gap, is empty, or is cut in a picture"
    for scene in script.scenes:
        for line in scene.lines:
            if not scene.start_ms <= line.start_ms < line.end_ms <= scene.end_ms:
                yield f"the line at {line.start_ms} ms does not lie in its scene"
            if not line.text.strip():
                yield f"the line at {line.start_ms} ms has no words"
    for line, after in pairwise(script.lines):
        if after.start_ms < line.start_ms:
            yield f"the line at {after.start_ms} ms stands after one that starts later"


def _odd_framing(script: Script, framing: Framing) -> Iterator[str]:
    if framing.place not in PLACES:
        yield f"there is no place {framing.place!r} (known: {', '.join(PLACES)})"
    for number, seen in enumerate(framing.seen):
        if not (0 < seen.x < 1 and 0 < seen.y < 1):
            yield f"the middle of a head lies outside the picture, at {seen.x}, {seen.y}"
        if seen.height * script.height < SMALLEST_HEAD:
            yield f"a head of {seen.height * script.height:.0f} pixels is too small"
        for other in framing.seen[:number]:
            apart = max(abs(seen.x - other.x) * script.width, abs(seen.y - other.y) * script.height)
            if apart < CUT_OUT / HEAD_UNITS / 2 * (seen.height + other.height) * script.height:
                yield f"heads touch in the framing {framing}"
