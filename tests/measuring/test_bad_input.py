"""Broken and odd input: one clear error or a stated warning, and nothing else is touched."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from castline.errors import (
    CastlineError,
    InputError,
    RunError,
    SettingsError,
    StorageError,
    UnknownName,
)
from castline.measuring.intake import new_project
from castline.media.sound import write_sound
from castline.pipeline.progress import Recorder
from castline.project import Project
from castline.running import run_project
from castline.subtitles import Cue, Document, write
from castline.testing.episode import EpisodeFiles
from tests.conftest import Contents

from .conftest import SPEAKERS, Copied, speakers

pytestmark = pytest.mark.slow

Guarded = Callable[[Project], Recorder]


@pytest.fixture
def guarded(contents: Contents) -> Guarded:
    """Run a project, and see that nothing around it was written; gives the warnings."""

    def around(project: Project) -> dict[str, bytes]:
        inside = project.folder.name + "/"
        everything = contents(project.folder.parent)
        return {name: each for name, each in everything.items() if not name.startswith(inside)}

    def run(project: Project) -> Recorder:
        before = around(project)
        reporter = Recorder()
        try:
            run_project(Project.open(project.folder), jobs=1, reporter=reporter)
        finally:
            assert around(project) == before
        return reporter

    return run


def failures(project: Project, guarded: Guarded) -> dict[str, str]:
    """What a run reports at its end."""
    with pytest.raises(RunError) as caught:
        guarded(project)
    return caught.value.failures


def remuxed(film: Path, to: Path, *, kinds: tuple[str, ...]) -> Path:
    """The film with these streams only, one for each kind; the same data."""
    import av

    with av.open(film) as source, av.open(to, "w") as target:
        chosen = [next(s for s in source.streams if s.type == kind) for kind in kinds]
        written = [target.add_stream_from_template(stream) for stream in chosen]
        for stream, copy in zip(chosen, written, strict=True):
            source.seek(0)
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = copy
                    target.mux(packet)
    return to


# --- films


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "empty"), (b"Dear diary, nothing moves today.\n" * 99, "")]
)
def test_what_is_no_film_is_named_with_what_to_do(
    measured: Copied,
    film: EpisodeFiles,
    tmp_path: Path,
    guarded: Guarded,
    content: bytes,
    says: str,
) -> None:
    odd = tmp_path / "odd.mp4"
    odd.write_bytes(content)
    project = measured(f'video = "{film.video}"', f'video = "{odd}"')
    (message,) = failures(project, guarded).values()
    assert str(odd) in message
    assert says in message
    assert speakers(project) == SPEAKERS  # what was known before is not lost


def test_a_film_cut_off_before_its_index_is_named(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    whole = remuxed(film.video, tmp_path / "whole.mp4", kinds=("video", "audio"))
    cut = tmp_path / "cut.mp4"
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * 2 // 3])
    project = measured(f'video = "{film.video}"', f'video = "{cut}"')
    assert list(failures(project, guarded)) == ["probe episode"]


def test_of_a_film_cut_off_later_the_rest_is_measured_with_a_warning(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    whole = remuxed(film.video, tmp_path / "whole.mkv", kinds=("video", "audio"))
    cut = tmp_path / "cut.mkv"
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * 2 // 3])
    project = measured(f'video = "{film.video}"', f'video = "{cut}"')
    reporter = guarded(project)
    assert any(str(cut) in warning for warning in reporter.warnings)
    assert len(speakers(project)) == len(SPEAKERS)


def test_a_film_without_pictures_is_heard_as_well_as_ever(
    measured: Copied, film: EpisodeFiles, kept: Project, tmp_path: Path, guarded: Guarded
) -> None:
    heard = remuxed(film.video, tmp_path / "heard.mp4", kinds=("audio",))
    project = measured(f'video = "{film.video}"', f'video = "{heard}"')
    reporter = guarded(project)
    assert any("no pictures" in warning for warning in reporter.warnings)
    assert project.store.read("faces", "episode").height == 0
    assert project.store.read("voices", "episode").equals(kept.store.read("voices", "episode"))
    assert not {"Amara", "Tobin"} & set(speakers(project))


def test_a_film_without_sound_still_has_faces(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    seen = remuxed(film.video, tmp_path / "seen.mp4", kinds=("video",))
    project = measured(f'video = "{film.video}"', f'video = "{seen}"')
    reporter = guarded(project)
    assert any("no sound" in warning for warning in reporter.warnings)
    assert project.store.read("speech", "episode").height == 0
    assert set(project.store.read("face_names", "episode")["character"]) >= {"Amara", "Tobin"}
    assert len(speakers(project)) == len(SPEAKERS)


@pytest.mark.slow
def test_the_sound_track_that_is_asked_for_is_heard(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    import av
    import numpy as np

    two = tmp_path / "two.mkv"
    with av.open(film.video) as source, av.open(two, "w") as target:
        pictures = target.add_stream_from_template(source.streams.video[0])
        quiet = target.add_stream("pcm_s16le", rate=16000, layout="mono")
        loud = target.add_stream_from_template(source.streams.audio[0])
        samples = np.zeros((1, 16000 * 8), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 16000
        target.mux(quiet.encode(frame))
        target.mux(quiet.encode(None))
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = pictures if packet.stream.type == "video" else loud
                target.mux(packet)
    project = measured(f'video = "{film.video}"', f'video = "{two}"')
    guarded(project)
    assert project.store.read("speech", "episode").height == 0

    with (project.folder / "castline.toml").open("a") as toml:
        toml.write("sound = 1\n")
    guarded(project)
    assert project.store.read("speech", "episode").height > 0
    assert speakers(project) == SPEAKERS

    toml_path = project.folder / "castline.toml"
    toml_path.write_text(toml_path.read_text().replace("sound = 1", "sound = 7"))
    (message,) = failures(project, guarded).values()
    assert "7" in message


def test_a_film_that_changes_while_it_is_read_is_refused(
    measured: Copied,
    film: EpisodeFiles,
    tmp_path: Path,
    guarded: Guarded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    growing = tmp_path / "growing" / "film.mp4"
    growing.parent.mkdir()
    shutil.copy(film.video, growing)
    project = measured(f'video = "{film.video}"', f'video = "{growing}"')
    shutil.rmtree(project.folder / "sound")
    shutil.rmtree(project.folder / "tables" / "speech")

    def while_it_grows(*arguments: object) -> object:
        with growing.open("ab") as more:
            more.write(b"more")
        return write_sound(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("castline.media.sound.write_sound", while_it_grows)
    with pytest.raises(RunError) as caught:
        run_project(project, jobs=1)
    assert list(caught.value.failures) == ["listen episode"]
    assert "changed while it was read" in caught.value.failures["listen episode"]
    # Nothing that was heard of the film in between is kept.
    monkeypatch.undo()
    _, summary = run_project(project, jobs=1)
    assert "listen episode" in summary.made


def test_damaged_decoded_sound_is_named_with_what_to_do(measured: Copied) -> None:
    project = measured()
    (sound,) = (project.folder / "sound").iterdir()
    sound.write_bytes(sound.read_bytes()[:-1000])
    shutil.rmtree(project.folder / "tables" / "speech")
    with pytest.raises(RunError, match=r"Delete it and run again"):
        run_project(project, jobs=1)
    sound.unlink()
    _, summary = run_project(project, jobs=1)
    assert set(summary.made) == {"listen episode"}


def test_a_folder_is_no_film(tmp_path: Path, film: EpisodeFiles) -> None:
    with pytest.raises(InputError, match="folder"):
        new_project(tmp_path / "p", [film.folder], subtitles=[film.subtitles])
    with pytest.raises(InputError, match="folder"):
        new_project(tmp_path / "p", [film.video], subtitles=[film.folder])
    assert not (tmp_path / "p").exists()


# --- subtitles


def test_a_subtitle_file_that_went_away_is_named(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    gone = tmp_path / "gone.srt"
    project = measured(f'subtitles = "{film.subtitles}"', f'subtitles = "{gone}"')
    assert failures(project, guarded) == {
        "episode episode": f"{gone}: the file does not exist. Check the path."
    }


def test_an_episode_without_subtitles_is_told_how_to_get_lines(
    measured: Copied, film: EpisodeFiles, guarded: Guarded
) -> None:
    project = measured(f'subtitles = "{film.subtitles}"', "")
    (message,) = failures(project, guarded).values()
    assert "castline.toml" in message
    assert "burnt-in" in message


def test_subtitles_of_another_film_are_warned_of(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    other = tmp_path / "other.srt"
    starts = [60_000 + 3100 * n + 137 * (n % 7) for n in range(60)]
    write(Document(cues=tuple(Cue(t, t + 1500, f"Line {t}.") for t in starts)), other)
    project = measured(f'subtitles = "{film.subtitles}"', f'subtitles = "{other}"')
    reporter = guarded(project)
    assert any("another film" in warning for warning in reporter.warnings)
    assert project.store.read("lines", "episode").height == 60


@pytest.mark.slow
def test_ten_thousand_lines_in_a_minute_are_warned_of_and_kept(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    crowd = tmp_path / "crowd.srt"
    write(Document(cues=tuple(Cue(6 * n, 6 * n + 900, f"No {n}.") for n in range(10_000))), crowd)
    project = measured(f'subtitles = "{film.subtitles}"', f'subtitles = "{crowd}"')
    reporter = guarded(project)
    assert any("more than can be said" in warning for warning in reporter.warnings)
    assert project.store.read("lines", "episode").height == 10_000
    assert len(speakers(project)) == 10_000


# --- the cast


def two_faces(film: EpisodeFiles, to: Path) -> None:
    one, other = (Image.open(film.cast / f"{name}_1.jpg") for name in ("Amara", "Tobin"))
    both = Image.new("RGB", (one.width + other.width, one.height))
    both.paste(one, (0, 0))
    both.paste(other, (one.width, 0))
    both.save(to)


def test_portraits_without_a_face_or_with_two_are_warned_of_and_not_used(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    cast = Path(shutil.copytree(film.cast, tmp_path / "cast"))
    Image.new("RGB", (200, 200), (90, 120, 90)).save(cast / "Tobin_1.jpg")
    two_faces(film, cast / "Tobin_2.jpg")
    (cast / "Ilse.jpg").write_bytes(b"no picture")
    project = measured(f'cast = "{film.cast}"', f'cast = "{cast}"')
    warnings = guarded(project).warnings
    assert any("Tobin_1.jpg" in each and "no face" in each for each in warnings)
    assert any("Tobin_2.jpg" in each and "2 faces" in each for each in warnings)
    assert any("Ilse.jpg" in each for each in warnings)
    assert any(each.startswith("Tobin: no portrait shows a face") for each in warnings)
    assert [who for who in speakers(project) if who == "Amara"] == ["Amara", "Amara"]
    assert "Tobin" not in speakers(project)


def test_one_portrait_for_two_characters_is_refused_before_any_work(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded, contents: Contents
) -> None:
    cast = Path(shutil.copytree(film.cast, tmp_path / "cast"))
    shutil.copy(cast / "Amara_1.jpg", cast / "Ilse.jpg")
    project = measured(f'cast = "{film.cast}"', f'cast = "{cast}"')
    before = contents(project.folder)
    with pytest.raises(InputError, match=r"Amara.*Ilse|Ilse.*Amara"):
        guarded(project)
    assert contents(project.folder) == before


@pytest.mark.parametrize("cast", ["", 'cast = "cast.csv"'])
def test_without_portraits_nobody_is_named_and_it_is_said(
    measured: Copied, film: EpisodeFiles, guarded: Guarded, cast: str
) -> None:
    project = measured(f'cast = "{film.cast}"', cast)
    (project.folder / "cast.csv").write_text("name\nAmara\nTobin\n")
    warnings = guarded(project).warnings
    assert any("nobody can be recognised by face" in each for each in warnings)
    assert not {"Amara", "Tobin"} & set(speakers(project))
    assert len(speakers(project)) == len(SPEAKERS)


def test_names_of_the_cast_are_text_and_never_paths(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    cast = tmp_path / "cast.toml"
    shutil.copytree(film.cast, tmp_path / "cast")
    cast.write_text(
        '[[cast]]\nname = "../x"\nportraits = ["cast/Amara_1.jpg", "cast/Amara_2.jpg"]\n'
        '[[cast]]\nname = "/etc/passwd"\nportraits = ["cast/Tobin_1.jpg", "cast/Tobin_2.jpg"]\n'
    )
    project = measured(f'cast = "{film.cast}"', f'cast = "{cast}"')
    guarded(project)
    assert speakers(project) == ["../x", "/etc/passwd", "others", "../x"]


def test_portraits_outside_the_folder_of_the_cast_are_refused(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, guarded: Guarded
) -> None:
    (tmp_path / "list").mkdir()
    cast = tmp_path / "list" / "cast.toml"
    shutil.copy(film.cast / "Amara_1.jpg", tmp_path / "a.jpg")
    cast.write_text('[[cast]]\nname = "Amara"\nportraits = ["../a.jpg"]\n')
    with pytest.raises(InputError, match=r"a\.jpg"):
        guarded(measured(f'cast = "{film.cast}"', f'cast = "{cast}"'))


# --- names


def test_film_names_with_brackets_and_dots_stay_in_the_project(
    film: EpisodeFiles, kept: Project, tmp_path: Path, guarded: Guarded
) -> None:
    odd = tmp_path / "..[a]*..mp4"
    shutil.copy(film.video, odd)
    project = new_project(tmp_path / "p", [odd], subtitles=[film.subtitles], cast=film.cast)
    guarded(project)
    (episode,) = project.episodes()
    assert speakers(project, episode) == SPEAKERS
    assert len(list((project.folder / "sound").iterdir())) == 1
    # Sound of what the film was before goes away.
    (sound,) = (project.folder / "sound").iterdir()
    sound.rename(sound.with_name(f"{episode}-0123456789abcdef.wav"))
    shutil.rmtree(project.folder / "tables" / "speech")
    run_project(project, jobs=1)
    assert list((project.folder / "sound").iterdir()) == [sound]


# --- the machine


def test_missing_weights_are_told_before_any_work(
    film: EpisodeFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: Contents
) -> None:
    project = new_project(tmp_path / "p", [film.video], subtitles=[film.subtitles])
    before = contents(project.folder)
    monkeypatch.setenv("CASTLINE_MODELS", str(tmp_path / "no-models"))
    with pytest.raises(InputError, match="castline models pull"):
        run_project(project, jobs=1)
    assert contents(project.folder) == before
    assert not (tmp_path / "no-models").exists()


@pytest.mark.parametrize(
    ("section", "kind", "says"),
    [
        ('faces = "dlip"', UnknownName, "Did you mean 'dlib'"),
        ('voices = "gee2e"', UnknownName, "Did you mean 'ge2e'"),
        ('lines = "subtitels"', SettingsError, "subtitels"),
        ("calibrate = 3", SettingsError, "calibrate"),
    ],
)
def test_a_slip_in_the_settings_is_told_before_any_work(
    measured: Copied, contents: Contents, section: str, kind: type[CastlineError], says: str
) -> None:
    project = measured("[film]\n", f"[film]\n{section}\n")
    before = contents(project.folder)
    with pytest.raises(kind, match=says):
        run_project(project, jobs=1)
    assert contents(project.folder) == before


@pytest.mark.parametrize(
    "section",
    [
        "[look]\ncalm_fps = 0.0", "[look]\nspeech_fps = nan", "[look]\npart_s = inf",
        "[look]\nheight = -3", "[library]\nrounds = 99", "[look]\nheigth = 720",
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_before_any_work(measured: Copied, section: str) -> None:
    with pytest.raises(SettingsError):
        run_project(measured(more=f"\n{section}\n"), jobs=1)


def test_a_section_that_is_none_is_refused(measured: Copied) -> None:
    with pytest.raises(SettingsError, match="expected a section"):
        run_project(measured("[project]", "look = 3\n[project]"), jobs=1)


def test_a_misspelt_method_is_told_before_any_work(
    film: EpisodeFiles, kept: Project, tmp_path: Path
) -> None:
    project = new_project(tmp_path / "p", [film.video], subtitles=[film.subtitles])
    with pytest.raises(UnknownName, match="Did you mean 'propagation'"):
        run_project(project, method="propagatoin", jobs=1)
    assert not list((project.folder / "tables").iterdir())


def test_an_unreadable_castline_toml_names_the_line(measured: Copied) -> None:
    project = measured()
    (project.folder / "castline.toml").write_text("[project]\nformat = \n")
    with pytest.raises(SettingsError, match="line 2"):
        Project.open(project.folder)


LIMITED = """
import resource, signal, sys
from castline.errors import StorageError
from castline.project import Project
from castline.running import run_project
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    run_project(Project.open(sys.argv[1]), jobs=1)
except StorageError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [2_000, 20_000, 200_000])
def test_a_disk_that_fills_stops_the_run_and_loses_nothing(
    film: EpisodeFiles, kept: Project, tmp_path: Path, contents: Contents, limit: int
) -> None:
    project = new_project(
        tmp_path / "project", [film.video], subtitles=[film.subtitles], cast=film.cast, name="Quay"
    )
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(project.folder), str(limit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == StorageError.exit_code, done.stderr
    assert str(project.folder) in done.stdout
    assert not list(project.folder.rglob(".castline-*"))
    run_project(project, jobs=1)
    assert contents(project.folder / "tables") == contents(kept.folder / "tables")
