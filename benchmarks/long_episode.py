"""A made episode of 45 minutes (1280x720, 25 pictures a second, 700 lines) through `castline run`.

    python benchmarks/long_episode.py

Filmed once into the cache. Then: decoding alone, the whole path in a fresh process with the share
of each stage and the memory of all its processes, the same after a kill at 60 %, and again with
nothing to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from castline.measuring.intake import new_project
from castline.project import Project
from castline.report.evaluation import evaluate_project
from castline.sources.truth import import_truth
from castline.testing.episode import EpisodeFiles, write_episode
from castline.testing.episode_long import long_script
from common import CACHE, write_results

JOBS = 2
KILL_AT = 0.6


def filmed() -> EpisodeFiles:
    """The episode, filmed on first use."""
    home = CACHE / "long-episode"
    sealed = home / "sealed"
    names = ("episode.mp4", "episode.srt", "cast", "truth.json", "truth.rttm")
    if not sealed.exists():
        shutil.rmtree(home, ignore_errors=True)
        write_episode(long_script(), home)
        sealed.touch()
    return EpisodeFiles(home, *(home / name for name in names))


def project_of(film: EpisodeFiles, name: str) -> Path:
    """A fresh project for the film."""
    folder = CACHE / name
    shutil.rmtree(folder, ignore_errors=True)
    new_project(folder, [film.video], subtitles=[film.subtitles], cast=film.cast)
    return folder


class Watched:
    """A command in a process group of its own, with its peak memory over all its processes."""

    def __init__(self, *command: str) -> None:
        self.start = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.peak_mb = 0.0
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._watch.start()

    def _sample(self) -> None:
        while self.process.poll() is None:
            self.peak_mb = max(self.peak_mb, _memory_mb(self.process.pid))
            time.sleep(0.5)

    def finish(self) -> tuple[float, str]:
        """Wait; seconds and output."""
        out, _ = self.process.communicate()
        if self.process.returncode:
            sys.exit(f"failed with {self.process.returncode}:\n{out}")
        return time.perf_counter() - self.start, out

    def kill(self) -> None:
        """Kill the process alone, as a crash would; its workers have to notice."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _memory_mb(group: int) -> float:
    """Memory of all processes of a session: shared pages are shared among them."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            session = int(status.read_text().rpartition(")")[2].split()[3])
            if session == group:
                rollup = (status.parent / "smaps_rollup").read_text()
                total += int(rollup.partition("Pss:")[2].split()[0])
        except (OSError, ValueError, IndexError):
            continue
    return total / 1000


def digests(project: Path) -> dict[str, str]:
    """Every table file and its digest."""
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((project / "tables").rglob("*.parquet"))
    }


def run_timed(project: str) -> None:
    """In a process of its own: measure, and print the seconds of each stage as JSON."""
    from castline.running import run_project

    class Clock:
        """A reporter that takes the time of units."""

        def __init__(self) -> None:
            self.seconds: dict[str, float] = {}
            self.began: dict[str, float] = {}
            self.last = ""

        def step(self, stage: str, done: int, total: int, unit: str) -> None:
            now = time.perf_counter()
            self.last = f"{stage}, {unit}: {done} of {total}"
            self.began.setdefault(stage, now)
            self.seconds[stage] = now - self.began[stage]

        def warn(self, message: str) -> None:
            print(message, file=sys.stderr)

    clock = Clock()
    run_project(Project.open(project), jobs=JOBS, offline=True, reporter=clock)
    print(json.dumps(clock.seconds))


def decode(path: str) -> None:
    """In a process of its own: decode pictures and sound with PyAV, and do nothing with them."""
    import av

    for kind in ("video", "audio"):
        with av.open(path) as container:
            for _ in container.decode(**{kind: 0}):
                pass


def main() -> None:
    film = filmed()
    here = str(Path(__file__))
    alone, _ = Watched(here, "decode", str(film.video)).finish()
    whole = project_of(film, "long-whole")
    watched = Watched(here, "run", str(whole))
    seconds, out = watched.finish()
    stages: dict[str, float] = json.loads(out.splitlines()[-1])

    killed = project_of(film, "long-killed")
    victim = Watched(here, "run", str(killed))
    time.sleep(KILL_AT * seconds)
    victim.kill()
    resumed, _ = Watched(here, "run", str(killed)).finish()
    same = digests(whole) == digests(killed)

    warm, _ = Watched("-m", "castline", "run", str(whole), "--offline").finish()
    import_truth(Project.open(whole), {"episode": film.turns})
    total = evaluate_project(Project.open(whole)).evaluation.rules["code-s"].total.all.percent
    rows: list[list[Any]] = [
        ["decode alone (PyAV, pictures and sound, one process)", f"{alone:.0f} s", ""],
        [f"castline run, {JOBS} processes", f"{seconds:.0f} s", f"{watched.peak_mb:.0f} MB"],
        ["ratio to decoding alone", f"{seconds / alone:.1f}", ""],
        *(
            [f"of it {stage}", f"{spent:.0f} s", f"{100 * spent / seconds:.0f} %"]
            for stage, spent in sorted(stages.items(), key=lambda each: -each[1])
            if spent >= 0.5
        ),
        [f"killed at {KILL_AT:.0%}, run again", f"{resumed:.0f} s", _bytes(same)],
        ["castline run when nothing changed", f"{warm:.1f} s", ""],
        ["lines right by rule code-s", f"{total:.1f} %" if total is not None else "", ""],
    ]
    write_results("long-episode", ["what", "figure", ""], rows)


def _bytes(same: bool) -> str:
    return "same bytes" if same else "OTHER BYTES"


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run_timed(sys.argv[2])
    elif sys.argv[1:2] == ["decode"]:
        decode(sys.argv[2])
    else:
        main()
