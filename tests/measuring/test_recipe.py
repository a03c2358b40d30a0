"""From a film to named lines, with real engines."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from castline.engines.base import Calibration
from castline.engines.dlib_faces import DlibFaces
from castline.errors import RunError
from castline.measuring.intake import new_project
from castline.project import Project
from castline.running import run_project
from castline.subtitles import read
from castline.tables.catalog import table
from castline.tables.schema import check_frame
from castline.testing.episode import EpisodeFiles, write_episode
from tests.conftest import Contents

from .conftest import SPEAKERS, Copied, Listener, short_script, speakers

OF_THE_SERIES = [("episodes", ""), ("cast", ""), ("portraits", "given"), ("portraits", "library")]
OF_AN_EPISODE = [
    "media", "speech", "lines", "shots", "clips", "faces", "faceprints", "motion", "readings",
    "voices", "mouths", "face_names",
]  # fmt: skip


def test_every_table_is_made_and_fits_its_declaration(kept: Project) -> None:
    for name in OF_AN_EPISODE:
        check_frame(table(name), kept.store.read(name, "episode"), name)
    for name, variant in OF_THE_SERIES:
        check_frame(table(name), kept.store.read(name, variant=variant), name)
    assert kept.store.read("faces", "episode").height > 0
    assert kept.store.read("voices", "episode").height == len(SPEAKERS)


def test_everybody_in_the_cast_is_named_and_a_stranger_is_not(kept: Project) -> None:
    assert speakers(kept) == SPEAKERS


def test_lines_stand_where_they_are_spoken(kept: Project, film: EpisodeFiles) -> None:
    lines = kept.store.read("lines", "episode")
    cues = read(film.subtitles).cues
    assert lines["start_ms"].to_list() == [cue.start_ms for cue in cues]
    assert lines["text"].to_list() == [cue.text for cue in cues]


def test_nothing_but_tables_and_sound_is_left_behind(kept: Project) -> None:
    assert {path.name for path in kept.folder.iterdir()} == {
        "castline.toml", "tables", "sound", ".lock",
    }  # fmt: skip
    assert [path.suffix for path in (kept.folder / "sound").iterdir()] == [".wav"]


def test_a_second_run_makes_nothing_and_is_quick(kept: Project, contents: Contents) -> None:
    before = contents(kept.folder)
    began = time.process_time()
    _, summary = run_project(kept, jobs=1)
    assert time.process_time() - began < 1
    assert summary.made == {}
    assert len(summary.fresh) == 12
    assert contents(kept.folder) == before


def test_a_run_that_makes_nothing_loads_nothing_heavy(kept: Project) -> None:
    code = (
        "import sys\n"
        "from castline.project import Project\n"
        "from castline.running import run_project\n"
        "assert run_project(Project.open(sys.argv[1]))[1].made == {}\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(kept.folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    heavy = {"av", "cv2", "onnx", "onnxruntime", "PIL", "scenedetect", "scipy", "torch"}
    assert not heavy & set(done.stdout.split())


def test_what_a_kill_left_behind_goes_away(measured: Copied) -> None:
    project = measured()
    left = [
        project.folder / "parts" / "look-episode" / "0123" / "00000.part",
        project.folder / "sound" / ".castline-abc.part",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    _, summary = run_project(project, jobs=1)
    assert summary.made == {}
    assert not any(path.exists() for path in left)
    assert not (project.folder / "parts").exists()


def test_a_moved_film_is_not_measured_again(
    measured: Copied, film: EpisodeFiles, tmp_path: Path
) -> None:
    moved = shutil.copy(film.video, tmp_path / "moved.mp4")
    project = measured(f'video = "{film.video}"', f'video = "{moved}"')
    _, summary = run_project(project, jobs=1)
    assert set(summary.made) == {"episodes series"}


def test_leaving_lines_out_keeps_what_does_not_depend_on_lines(measured: Copied) -> None:
    project = measured(more='leave_out = ["0:00:00-0:00:01.500"]\n')
    _, summary = run_project(project, jobs=1)
    assert {"subtitle-lines episode", "voices episode", "mouths episode"} <= set(summary.made)
    assert {"probe episode", "listen episode", "cast series", "portraits series"} <= set(
        summary.fresh
    )
    assert speakers(project) == SPEAKERS[1:]


def test_another_cast_looks_at_no_film_again(
    measured: Copied, film: EpisodeFiles, tmp_path: Path
) -> None:
    cast = Path(shutil.copytree(film.cast, tmp_path / "cast"))
    for portrait in cast.glob("Tobin*"):
        portrait.rename(portrait.with_name(portrait.name.replace("Tobin", "Jonas")))
    project = measured(f'cast = "{film.cast}"', f'cast = "{cast}"')
    _, summary = run_project(project, jobs=1)
    assert {name.split()[0] for name in summary.made} == {
        "cast", "portraits", "names", "cluster-seeds", "attribute-fusion",
    }  # fmt: skip
    assert speakers(project) == ["Amara", "Jonas", "others", "Amara"]


def test_another_calibration_of_the_face_engine_only_names_again(
    measured: Copied, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = msgspec.structs.replace(DlibFaces.manifest, calibration=Calibration(scale=0.9))
    monkeypatch.setattr(DlibFaces, "manifest", other)
    _, summary = run_project(measured(), jobs=1)
    assert "names series" in summary.made
    assert {name.split()[0] for name in summary.made} <= {
        "names", "cluster-seeds", "attribute-fusion",
    }  # fmt: skip


def test_a_broken_episode_is_reported_and_the_others_are_labelled(
    measured: Copied, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("no film")
    entry = f'\n[[episode]]\nname = "two"\nvideo = "{broken}"\nsubtitles = "{broken}"\n'
    project = measured(more=entry)
    for labels in project.store.path("labels", "episode", "fusion-unsupervised").parent.glob("*"):
        labels.unlink()
    with pytest.raises(RunError) as caught:
        run_project(project, jobs=1)
    assert caught.value.exit_code == 7
    assert list(caught.value.failures) == ["probe two"]
    assert str(broken) in caught.value.failures["probe two"]
    assert speakers(project) == SPEAKERS
    assert project.store.read("episodes")["episode"].to_list() == ["episode"]


def test_after_a_failure_nothing_is_made_from_what_the_film_was_before(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = tmp_path / "longer.mp4"
    longer.write_bytes(film.video.read_bytes() + b"free box at the end")
    project = measured(f'video = "{film.video}"', f'video = "{longer}"')

    def deaf(*_: object, **__: object) -> None:
        raise RunError({"sound": "damaged"})

    monkeypatch.setattr("castline.media.sound.write_sound", deaf)
    before = project.store.manifest("shots", "episode")
    with pytest.raises(RunError) as caught:
        run_project(project, jobs=1)
    assert list(caught.value.failures) == ["listen episode"]
    assert project.store.manifest("shots", "episode") == before
    assert speakers(project) == SPEAKERS


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_bytes(
    film: EpisodeFiles, kept: Project, tmp_path: Path, contents: Contents
) -> None:
    results = []
    for jobs in (1, 2):
        project = new_project(
            tmp_path / str(jobs), [film.video], subtitles=[film.subtitles], cast=film.cast
        )
        with (project.folder / "castline.toml").open("a") as toml:
            toml.write("\n[look]\npart_s = 1.0\n")
        run_project(Project.open(project.folder), jobs=jobs)
        results.append(contents(project.folder / "tables"))
    assert results[0] == results[1]


WATCHED = """
import sys
reached = []
sys.addaudithook(lambda event, args: reached.append((event, args[1])) if event in (
    "socket.connect", "socket.bind", "socket.sendto") and isinstance(args[1], tuple) else None)
sys.argv = ["castline", "run", *sys.argv[1:], "--offline"]
from castline.cli import main
try:
    main()
finally:
    print("reached:", reached)
"""


@pytest.mark.slow
def test_offline_the_whole_chain_opens_no_connection(measured: Copied) -> None:
    project = measured()
    shutil.rmtree(project.folder / "tables")
    shutil.rmtree(project.folder / "sound")
    (project.folder / "tables").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(project.folder), "--jobs", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "reached: []" in done.stdout
    assert "12 units made, 0 up to date" in done.stdout
    assert "Amara        2\nTobin        1\nothers       1\n" in done.stdout


def test_a_dry_run_says_what_would_be_made_and_writes_nothing(
    film: EpisodeFiles, kept: Project, tmp_path: Path, contents: Contents
) -> None:
    project = new_project(tmp_path / "p", [film.video], subtitles=[film.subtitles], cast=film.cast)
    before = contents(project.folder)
    _, fresh = run_project(project, jobs=1, dry_run=True)
    assert set(fresh.made.values()) == {"not made yet"}
    assert {"probe episode", "look episode", "names series"} <= set(fresh.made)
    assert {k: v for k, v in contents(project.folder).items() if k != ".lock"} == before

    _, done = run_project(kept, jobs=1, dry_run=True)
    assert done.made == {}


def test_who_a_subtitle_file_names_reaches_no_method(
    measured: Copied, film: EpisodeFiles, tmp_path: Path, contents: Contents
) -> None:
    named = tmp_path / "named.srt"
    text = film.subtitles.read_text(encoding="utf-8")
    for cue in read(film.subtitles).cues:
        text = text.replace(cue.text, f"TOBIN: {cue.text}")
    named.write_text(text, encoding="utf-8")
    project = measured(f'subtitles = "{film.subtitles}"', f'subtitles = "{named}"')
    run_project(project, jobs=1)
    imported = project.store.read("labels", "episode", "imported")
    assert imported["character"].to_list() == ["TOBIN"] * len(SPEAKERS)
    assert speakers(project) == SPEAKERS

    labels = project.store.path("labels", "episode", "fusion-unsupervised")
    before = labels.read_bytes()
    for path in (labels, project.store.path("labels", "episode", "imported")):
        for each in path.parent.glob(f"{path.stem}*"):
            each.unlink()
    run_project(project, jobs=1)
    assert labels.read_bytes() == before


def test_a_run_tells_how_far_it_is_and_warns_only_of_what_is_missing(
    kept: Project, told: Listener
) -> None:
    assert {("listen", 1, 2), ("look", 0, 1), ("look", 1, 1), ("voices", 0, 4)} <= told.steps
    assert [each.partition(",")[0] for each in told.warnings] == [
        "voices are known from one episode alone",
        "known lines were found by faces and voices",
    ]


@pytest.mark.slow
def test_burnt_in_subtitles_become_lines(tmp_path: Path, weights: object, kept: Project) -> None:
    pytest.importorskip("rapidocr", reason="needs the extra ocr")
    film = write_episode(short_script(burnt_in=True), tmp_path / "film")
    project = new_project(tmp_path / "p", [film.video], cast=film.cast, lines="burnt-in")
    run_project(project, jobs=1)
    lines = project.store.read("lines", "episode")
    truth = read(film.subtitles).cues
    assert lines.height == len(truth)
    for line, cue in zip(lines.iter_rows(named=True), truth, strict=True):
        assert abs(line["start_ms"] - cue.start_ms) <= 500
    assert speakers(project) == SPEAKERS
