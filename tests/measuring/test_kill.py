"""A run that is killed: what is done stays done, nobody works on, and the result is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from castline.engines.base import FaceEngine
from castline.measuring.intake import new_project
from castline.measuring.looking import PartTask, look_at_part
from castline.project import Project
from castline.running import run_project
from castline.testing.episode import EpisodeFiles
from tests.conftest import Contents

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc"),
]

MOMENTS = {
    "while the sound is decoded": "sound/.castline-*",
    "with the sound there": "sound/*.wav",
    "with the lines there": "tables/lines/episode*.json",
    "with one part looked at": "parts/*/*/*.part",
    "between the tables of the pictures": "tables/shots/episode*.json",
    "with the voices there": "tables/voices/episode*.json",
    "with the library there": "tables/library/*.json",
}
"""When to kill, and a file by which to know it."""


def filmed(film: EpisodeFiles, folder: Path) -> Project:
    """A project whose film is looked at in three parts."""
    project = new_project(
        folder, [film.video], subtitles=[film.subtitles], cast=film.cast, name="Quay"
    )
    with (folder / "castline.toml").open("a") as toml:
        toml.write("\n[look]\npart_s = 1.0\n")
    return Project.open(project.folder)


@pytest.fixture(scope="module")
def undisturbed(
    film: EpisodeFiles, kept: Project, tmp_path_factory: pytest.TempPathFactory, contents: Contents
) -> dict[str, bytes]:
    """What a run that nobody stops leaves."""
    project = filmed(film, tmp_path_factory.mktemp("undisturbed") / "project")
    run_project(project, jobs=2)
    return contents(project.folder / "tables")


@contextmanager
def started(project: Project) -> Iterator[subprocess.Popen[bytes]]:
    """`castline run` in a process of its own, two more looking."""
    process = subprocess.Popen(
        [sys.executable, "-m", "castline", "run", str(project.folder), "--jobs", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def children(process: int) -> set[int]:
    """The processes that one started, and those that these started."""
    found: set[int] = set()
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, told_of(task).split()):
            found |= {child, *children(child)}
    return found


def workers_of(process: int) -> set[int]:
    """Those of them that look at parts."""
    return {
        child
        for child in children(process)
        if b"spawn_main" in told_of(Path(f"/proc/{child}/cmdline"))
    }


def told_of(process: Path) -> bytes:
    """What the system tells of a process in a file; nothing once it has ended."""
    try:
        return process.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def alive(process: int) -> bool:
    """Whether a process still runs; one that only waits to be collected does not."""
    state = told_of(Path(f"/proc/{process}/stat")).rpartition(b")")[2].split()[:1]
    return state not in ([], [b"Z"])


def wait(until: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether something became true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until():
            return True
        time.sleep(0.002)
    return False


def wait_for(process: subprocess.Popen[bytes], until: Callable[[], bool]) -> None:
    """Wait until something is true while a process runs."""
    wait(lambda: until() or process.poll() is not None)
    assert until(), process.stderr and process.stderr.read().decode()


@pytest.mark.parametrize("pattern", MOMENTS.values(), ids=MOMENTS)
def test_a_killed_run_goes_on_to_the_same_result(
    film: EpisodeFiles,
    undisturbed: dict[str, bytes],
    contents: Contents,
    tmp_path: Path,
    pattern: str,
) -> None:
    project = filmed(film, tmp_path / "project")
    with started(project) as process:
        wait_for(process, lambda: any(project.folder.glob(pattern)))
        workers = children(process.pid)
        process.kill()
        process.wait()
    assert wait(lambda: not any(map(alive, workers)), 10), "somebody works on"
    parts = list((project.folder / "parts").glob("*/*/*.part"))
    sealed = contents(project.folder / "tables")

    _, dry = run_project(project, jobs=2, dry_run=True)
    _, summary = run_project(project, jobs=2)

    assert set(dry.fresh) <= set(summary.fresh)
    after = contents(project.folder / "tables")
    assert after == undisturbed
    assert all(after[name] == each for name, each in sealed.items() if ".castline-" not in name)
    assert not (project.folder / "parts").exists()
    assert not list(project.folder.rglob(".castline-*"))
    if parts:
        assert "listen episode" in summary.fresh


def test_parts_that_were_looked_at_are_not_looked_at_again(
    film: EpisodeFiles, kept: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = filmed(film, tmp_path / "project")
    looked: list[int] = []

    def stop_at_the_third(task: PartTask, engine: FaceEngine, *readers: Any) -> object:
        looked.append(task.part.number)
        if looked == [0, 1, 2]:
            raise KeyboardInterrupt
        return look_at_part(task, engine, *readers)

    monkeypatch.setattr("castline.measuring.looking_pool.look_at_part", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run_project(project, jobs=1)
    run_project(project, jobs=1)
    assert looked == [0, 1, 2, 2]


def test_ctrl_c_stops_all_processes_with_one_sentence(
    film: EpisodeFiles, kept: Project, tmp_path: Path
) -> None:
    project = filmed(film, tmp_path / "project")
    with started(project) as process:
        wait_for(process, lambda: len(workers_of(process.pid)) >= 2)
        wait_for(process, lambda: any(project.folder.glob("parts/*/*/*.part")))
        workers = children(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.decode() == "castline: interrupted; run the same command again to go on\n"
    assert wait(lambda: not any(map(alive, workers)), 10)


def test_a_worker_that_is_killed_is_told_in_one_sentence(
    film: EpisodeFiles, kept: Project, tmp_path: Path
) -> None:
    project = filmed(film, tmp_path / "project")
    with started(project) as process:
        wait_for(process, lambda: any(project.folder.glob("tables/lines/episode*.json")))
        wait_for(process, lambda: len(workers_of(process.pid)) >= 2)
        for worker in workers_of(process.pid):
            os.kill(worker, signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 7
    assert b"ended from outside" in said
    assert b"Traceback" not in said
