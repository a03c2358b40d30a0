"""Synthetic episodes on disk: film, subtitles, portraits and truth agree."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from castline import subtitles
from castline.testing.episode import EpisodeFiles, write_episode
from castline.testing.episode_captions import burn_in
from castline.testing.episode_script import (
    Framing,
    Line,
    Music,
    Person,
    Scene,
    Script,
    Seen,
    Shot,
)
from castline.testing.episode_sound import OPENINGS, record_scene
from castline.testing.episode_stage import Frame, SetUp, film_shot

Contents = Callable[[Path], dict[str, bytes]]

BOTH = Framing("window", 0, (Seen(0, 0.28, height=0.5), Seen(1, 0.72, height=0.5)))
SHORT = Script(
    "A Short Evening",
    (
        Person("Ilse", 8, 3),
        Person("../Amara: 1", 3, 1),
        Person("Ferryman", 6, 9, in_cast=False),
    ),
    (
        Scene(
            (Shot(0, 1200, BOTH), Shot(1200, 2000, Framing("quay"))),
            (Line(200, 1100, 0, "Is it late?"), Line(1400, 1900, 2, "Yes.")),
        ),
        Scene((Shot(2000, 2400, Framing("dunes")),), music=(Music(2000, 2400),)),
    ),
    width=320,
    height=180,
    seed=4,
)


EMPTY = replace(SHORT, people=(), scenes=(Scene((Shot(0, 80, Framing("dunes")),)),))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> EpisodeFiles:
    return write_episode(SHORT, tmp_path_factory.mktemp("episode"))


def decoded_pictures(video: Path) -> list[npt.NDArray[np.uint8]]:
    import av

    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [np.asarray(frame, np.uint8) for frame in frames]


def decoded_sound(video: Path) -> npt.NDArray[np.float32]:
    """(n,) at 48 kHz, from the start of the film."""
    import av

    with av.open(str(video)) as container:
        frames = list(container.decode(audio=0))
    sound = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    first = round((frames[0].time or 0) * 48_000)
    return np.asarray(sound[-first:] if first < 0 else sound, np.float32)


def level_db(sound: npt.NDArray[np.float32], start_ms: int, end_ms: int) -> float:
    part = sound[start_ms * 48 : end_ms * 48]
    return float(10 * np.log10(np.mean(part.astype(np.float64) ** 2) + 1e-12))


def test_the_film_has_the_size_rate_and_length_of_the_script(files: EpisodeFiles) -> None:
    import av

    with av.open(str(files.video)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.width, picture.height) == (320, 180)
        assert picture.average_rate == 25
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert sound.rate == 48_000
    assert len(decoded_pictures(files.video)) == 60
    assert len(decoded_sound(files.video)) == pytest.approx(2.4 * 48_000, abs=1100)


def test_the_index_stands_before_the_pictures(files: EpisodeFiles) -> None:
    head = files.video.read_bytes()[:64_000]
    assert 0 < head.index(b"moov") < head.index(b"mdat")


def test_voices_are_heard_during_lines_and_a_faint_room_between(files: EpisodeFiles) -> None:
    sound = decoded_sound(files.video)
    room = level_db(sound, 1200, 1380)
    assert -70 < room < -45
    for line in SHORT.lines:
        assert level_db(sound, line.start_ms, line.end_ms) > room + 25
        begins = line.start_ms * 48
        loud = np.abs(sound[begins - 2400 : begins + 4800]) > 0.02
        assert abs(int(loud.argmax()) - 2400) < 48 * 60
    assert level_db(sound, 2100, 2300) > room + 10  # music


def test_the_truth_says_who_speaks_and_who_is_seen(files: EpisodeFiles) -> None:
    truth = json.loads(files.truth.read_text(encoding="utf-8"))
    assert truth["lines"] == [
        {
            "line": 0,
            "start_ms": 200,
            "end_ms": 1100,
            "text": "Is it late?",
            "speaker": "Ilse",
            "on_screen": True,
            "visible": ["Ilse", "../Amara: 1"],
        },
        {
            "line": 1,
            "start_ms": 1400,
            "end_ms": 1900,
            "text": "Yes.",
            "speaker": "Ferryman",
            "on_screen": False,
            "visible": [],
        },
    ]
    assert [shot["start_ms"] for shot in truth["shots"]] == [0, 1200, 2000]
    assert [person["in_cast"] for person in truth["people"]] == [True, True, False]


def test_subtitles_have_the_words_and_turns_the_speakers(files: EpisodeFiles) -> None:
    cues = subtitles.read(files.subtitles).cues
    assert [cue.text for cue in cues] == ["Is it late?", "Yes."]
    assert all(not cue.speakers for cue in cues)
    turns = subtitles.read(files.turns).cues
    assert [(turn.start_ms, turn.end_ms, *turn.speakers) for turn in turns] == [
        (line.start_ms, line.end_ms, SHORT.people[line.person].name) for line in SHORT.lines
    ]


def test_the_cast_has_two_portraits_each_and_extras_have_none(files: EpisodeFiles) -> None:
    from PIL import Image

    names = sorted(path.name for path in files.cast.iterdir())
    assert names == ["Ilse_1.jpg", "Ilse_2.jpg", "_Amara_ 1_1.jpg", "_Amara_ 1_2.jpg"]
    pictures = [np.asarray(Image.open(files.cast / name), np.int16) for name in names]
    assert {picture.shape for picture in pictures} == {(400, 320, 3)}
    assert np.abs(pictures[0] - pictures[1]).mean() > 5


def test_the_speakers_mouth_opens_and_the_listeners_stays_shut(files: EpisodeFiles) -> None:
    pictures = np.stack(decoded_pictures(files.video)[:30]).astype(np.float32)

    def darkness(x: float) -> npt.NDArray[np.float32]:
        """(frames,) share of dark pixels where the mouth is: below the middle of the head."""
        mouths = pictures[:, 92:112, int(x * 320) - 14 : int(x * 320) + 14].mean(axis=3)
        return np.asarray(np.mean(mouths < 0.35 * mouths.mean(), axis=(1, 2)), np.float32)

    scene = SHORT.scenes[0]
    openings = record_scene(SHORT, scene, 0).mouths[0][:30]
    speaker, listener = darkness(0.28), darkness(0.72)
    wide, shut = openings >= OPENINGS - 2, openings == 0
    assert wide.sum() >= 3
    assert shut.sum() >= 5
    assert speaker[wide].mean() > speaker[shut].mean() + 0.05
    assert abs(listener[wide].mean() - listener[shut].mean()) < 0.02


def test_mouths_move_with_the_voice_and_only_with_it() -> None:
    scene = SHORT.scenes[0]
    sound = record_scene(SHORT, scene, 0)
    assert set(sound.mouths) == {0, 2}
    openings = sound.mouths[0]
    assert len(openings) == 50
    assert openings.max() == OPENINGS - 1
    assert openings[:5].max() == openings[28:].max() == 0


def test_the_same_script_gives_the_same_bytes(
    files: EpisodeFiles, tmp_path: Path, contents: Contents
) -> None:
    write_episode(SHORT, tmp_path / "again")
    before, again = contents(files.folder), contents(tmp_path / "again")
    assert len(before) == 8
    assert before == again


def test_an_error_while_drawing_ends_the_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*given: object) -> Iterator[Frame]:
        yield from film_shot(*given)  # type: ignore[arg-type]
        raise MemoryError("no room for a picture")

    monkeypatch.setattr("castline.testing.episode_video.film_shot", fails)
    before = threading.active_count()
    with pytest.raises(MemoryError, match="no room for a picture"):
        write_episode(EMPTY, tmp_path)
    assert threading.active_count() == before


def test_another_seed_films_another_picture_and_sound() -> None:
    other = replace(SHORT, seed=5)
    scene = SHORT.scenes[0]
    sounds = [record_scene(script, scene, 0).samples for script in (SHORT, other)]
    assert np.abs(sounds[0] - sounds[1]).max() > 0.1
    plates = [SetUp(script, BOTH).plate.block for script in (SHORT, other)]
    assert (plates[0] != plates[1]).any()


def test_progress_is_told_and_ends_with_the_film(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_episode(EMPTY, tmp_path, progress=lambda done, total: told.append((done, total)))
    assert told == [(80, 80)]


def test_heads_at_the_edge_of_the_picture_are_cut_off_there() -> None:
    framing = Framing("street", 0, (Seen(0, 0.02, 0.97, height=0.6, yaw=20),))
    shot = Shot(0, 80, framing)
    script = replace(SHORT, scenes=(Scene((shot,)),))
    frames = list(film_shot(script, shot, SetUp(script, framing), {}))
    assert [frame.planes[0].shape for frame in frames] == [(180, 320)] * 2
    assert frames[0].planes[0][120:, :60].mean() > 2 * frames[0].planes[0][120:, 250:].mean()


def test_planes_hold_the_colours_that_went_in() -> None:
    import av

    rng = np.random.default_rng(3)
    squares = rng.uniform(0.1, 0.9, (6, 8, 3)).astype(np.float32)
    picture = np.kron(squares, np.ones((8, 8, 1), np.float32))
    frame = av.VideoFrame.from_ndarray(Frame.of(picture).block, format="yuv420p")
    back = frame.to_ndarray(format="rgb24")[4::8, 4::8]
    assert np.abs(back / 255 - squares).max() < 0.03


def test_burnt_in_subtitles_are_white_on_dark_and_change_only_the_bottom() -> None:
    plate = SetUp(replace(SHORT, width=640, height=360), Framing("dunes")).plate
    frame = plate.copy()
    burn_in(frame, ())
    assert (frame.block == plate.block).all()
    burn_in(frame, ("Is anybody there who can hear a word of this long question?", "Yes."))
    changed = np.flatnonzero((frame.planes[0] != plate.planes[0]).any(axis=1))
    assert changed[0] > 360 * 0.6
    assert changed[-1] < 359
    strip = frame.planes[0][changed[0] : changed[-1]]
    assert np.mean(strip > 225) > 0.01
    assert np.mean(strip < 40) > 0.02
    margins = (frame.planes[0] != plate.planes[0]).any(axis=0)
    assert not margins[:30].any()
    assert not margins[-30:].any()
