"""Work that is killed at any moment, or that meets a full disk, goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from castline.project import Project
from castline.sources.recipe import import_dramasr
from castline.testing.dramasr import write_release
from castline.testing.series import make_series

from .conftest import edit
from .kill_sweep import work_through

pytestmark = pytest.mark.slow

Contents = Callable[[Path], dict[str, bytes]]

SWEEP = Path(__file__).with_name("kill_sweep.py")
IMPORT = """
import sys
from castline.sources.recipe import import_dramasr
import_dramasr(sys.argv[1], sys.argv[2])
"""
LIMITED = """
import resource, signal, sys
from castline.errors import StorageError
from castline.sources.recipe import import_dramasr
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
if int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    import_dramasr(sys.argv[1], sys.argv[2])
except StorageError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.fixture(scope="module")
def two_episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    series = make_series(cast=3, lines=30, episodes=2, width=8, seed=2)
    return write_release(series, tmp_path_factory.mktemp("kill") / "series")


@pytest.fixture(scope="module")
def whole(two_episodes: Path, contents: Contents) -> dict[str, bytes]:
    """What an import that nobody stopped leaves."""
    import_dramasr(two_episodes, two_episodes.parent / "whole")
    return contents(two_episodes.parent / "whole")


@pytest.fixture(scope="module")
def worked(two_episodes: Path, contents: Contents) -> dict[str, bytes]:
    """What import, attribution and export leave when nobody stops them."""
    work_through(two_episodes, two_episodes.parent / "worked")
    return contents(two_episodes.parent / "worked")


def sealed_tables_are_whole(folder: Path) -> int:
    sealed = list((folder / "tables").rglob("*.json"))
    for manifest in sealed:
        digest = hashlib.sha256(manifest.with_suffix(".parquet").read_bytes()).hexdigest()
        assert msgspec.json.decode(manifest.read_bytes())["digest"] == digest, manifest
    return len(sealed)


def sweep(
    release: Path,
    whole: dict[str, bytes],
    work: Path,
    first: int,
    stride: int,
    base: Path | None = None,
) -> int:
    # In memory where there is such a place: the disk would take most of the time.
    if Path("/dev/shm").is_dir():
        work = Path(tempfile.mkdtemp(dir="/dev/shm", prefix="castline-sweep-"))
    try:
        if base is not None:
            shutil.copytree(base, work / "base")
        return swept(release, whole, work, first, stride)
    finally:
        shutil.rmtree(work)


def swept(release: Path, whole: dict[str, bytes], work: Path, first: int, stride: int) -> int:
    expected = {name: hashlib.sha256(content).hexdigest() for name, content in whole.items()}
    (work / "expected.json").write_text(json.dumps(expected))
    told = subprocess.run(
        [sys.executable, str(SWEEP), str(release), str(work), str(first), str(stride)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        # One thread: a pool for each of hundreds of short lives costs more than it gives.
        env={**os.environ, "POLARS_MAX_THREADS": "1"},
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return int(told.stdout.split()[-1])


def test_work_killed_at_some_touches_of_the_disk_is_completed_by_the_next(
    two_episodes: Path, worked: dict[str, bytes], tmp_path: Path
) -> None:
    # 37 shares no factor with the touches of a table: moments of several kinds are met.
    assert sweep(two_episodes, worked, tmp_path, 3, 37) >= 3


@pytest.mark.slow
def test_work_killed_at_any_touch_of_the_disk_is_completed_by_the_next(
    two_episodes: Path, worked: dict[str, bytes], tmp_path: Path
) -> None:
    assert sweep(two_episodes, worked, tmp_path, 1, 1) >= 100


def mended(release: Path, work: Path) -> tuple[Path, Path]:
    """A project, and a release whose second episode has changed since its import."""
    changed, base = work / "series", work / "before"
    shutil.copytree(release, changed)
    work_through(changed, base)
    edit(
        changed / "subtitle_data" / "0002.json",
        lambda content: content["object_list"]["0"].update(text="mended"),
    )
    return changed, base


@pytest.mark.slow
def test_an_import_killed_while_it_makes_tables_anew_is_completed_by_the_next(
    two_episodes: Path, tmp_path: Path, contents: Contents
) -> None:
    changed, base = mended(two_episodes, tmp_path)
    work_through(changed, tmp_path / "straight")
    after = contents(tmp_path / "straight")
    assert sweep(changed, after, tmp_path, 1, 1, base) >= 40


def killed_at_random(
    release: Path, whole: dict[str, bytes], work: Path, contents: Contents, kills: int
) -> None:
    chance = random.Random(7)
    for turn in range(kills):
        into = work / f"p{turn}"
        process = subprocess.Popen([sys.executable, "-c", IMPORT, str(release), str(into)])
        # Begin to count when it begins to work: starting Python takes longer than importing.
        while process.poll() is None and not into.exists():
            time.sleep(0.001)
        try:
            process.wait(chance.uniform(0, 0.25))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        assert process.wait(30) in (0, -signal.SIGKILL)
        sealed_tables_are_whole(into)
        import_dramasr(release, into)
        assert contents(into) == whole


def test_an_import_killed_at_a_random_moment_is_completed_by_the_next(
    two_episodes: Path, whole: dict[str, bytes], tmp_path: Path, contents: Contents
) -> None:
    killed_at_random(two_episodes, whole, tmp_path, contents, 2)


@pytest.mark.slow
def test_an_import_killed_at_many_random_moments_is_completed_by_the_next(
    two_episodes: Path, whole: dict[str, bytes], tmp_path: Path, contents: Contents
) -> None:
    killed_at_random(two_episodes, whole, tmp_path, contents, 30)


def limited_import(release: Path, into: Path, limit: int) -> tuple[int, str]:
    told = subprocess.run(
        [sys.executable, "-c", LIMITED, str(release), str(into), str(limit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not told.stderr
    return told.returncode, told.stdout


def test_a_file_limit_is_told_with_the_way_out_and_costs_no_earlier_table(
    release: Path, tmp_path: Path, contents: Contents
) -> None:
    into = tmp_path / "p"
    import_dramasr(release, into)
    before = contents(into)
    # Now the second episode has to be made anew, and there is no room for it.
    edit(
        release / "subtitle_data" / "0002.json",
        lambda content: content["object_list"]["0"].update(text="mended"),
    )
    code, told = limited_import(release, into, 1000)
    assert code == 6
    assert "0002.parquet: cannot write" in told
    assert "raise the limit and run again" in told
    assert contents(into) == before
    assert limited_import(release, into, 0) == (0, "")
    project = Project.open(into)
    assert project.store.read("lines", "0002")["text"][0] == "mended"
    import_dramasr(release, tmp_path / "straight")
    assert contents(into) == contents(tmp_path / "straight")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A disk of a given size; asking again changes the size."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = False

    def sized(size: str) -> Path:
        nonlocal mounted
        options = f"{'remount,' if mounted else ''}size={size}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        if told.returncode:
            pytest.skip(f"cannot mount a small disk here: {told.stderr.strip()}")
        mounted = True
        return place

    if shutil.which("mount") is None:
        pytest.skip("there is no mount command")
    yield sized
    if mounted:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told_with_the_way_out_and_the_next_run_completes(
    two_episodes: Path,
    whole: dict[str, bytes],
    small_disk: Callable[[str], Path],
    contents: Contents,
) -> None:
    into = small_disk("80k") / "p"
    code, told = limited_import(two_episodes, into, 0)
    assert code == 6
    assert f"{into}/tables/" in told
    assert "The disk is full: free some space and run again." in told
    done = sealed_tables_are_whole(into)
    assert done >= 1
    assert not list(into.rglob("*.part"))
    small_disk("4m")
    assert limited_import(two_episodes, into, 0) == (0, "")
    assert contents(into) == whole


def test_limits_of_this_process_are_as_they_were() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
