"""Parts of a film looked at in several processes; finished parts are sealed as they come in."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from castline.engines.models import load
from castline.errors import CastlineError
from castline.measuring.looking import PartTask, look_at_part
from castline.processors import available_processors

if TYPE_CHECKING:
    import polars as pl

    from castline.engines.base import Picture
    from castline.engines.vision import VisionEndpoint
    from castline.pipeline.parts import Parts
    from castline.story.burnt_in import Repair
    from castline.story.readings import Reading

__all__ = ["Eyes", "look_at_parts", "processes"]

_MOST = 8


@dataclass(frozen=True)
class Eyes:
    """The engines that look, by name: each process loads its own.

    Attributes:
        faces: Face engine.
        reader: Text reader for burnt-in subtitles; empty for none.
        models: Folder of the weights.
        offline: Forbid the network in every process.
        vision: Asked what badly read subtitles say; None for nobody.
    """

    faces: str
    reader: str
    models: Path
    offline: bool
    vision: VisionEndpoint | None = None

    def open(self) -> tuple[Any, Any, Repair | None]:
        """The face engine, the text reader or None, and what mends readings or None."""
        faces = load("faces", self.faces, folder=self.models)
        reader = load("text", self.reader, folder=self.models) if self.reader else None
        return faces, reader, self._mend if self.vision else None

    def _mend(self, reading: Reading, picture: Picture) -> str:
        said = self.vision.read(picture) if self.vision else None
        return reading.text if said is None else said


def processes(jobs: int | None) -> int:
    """How many processes look: as asked, or one for each processor, at most 8."""
    if jobs is not None:
        return max(1, jobs)
    return min(available_processors(), _MOST)


def look_at_parts(
    tasks: list[PartTask],
    eyes: Eyes,
    parts: Parts,
    *,
    jobs: int,
    progress: Callable[[int, int], None],
) -> list[dict[str, pl.DataFrame]]:
    """Look at all parts of a film; those sealed before are read back.

    Args:
        tasks: The parts in order.
        eyes: What to look with.
        parts: Where finished parts are sealed.
        jobs: Number of processes; 1 stays in this one.
        progress: Called with (parts done, parts).

    Raises:
        InputError: The film cannot be read, or weights are missing.
        StorageError: The disk refused.
        CastlineError: A process was ended from outside.
    """
    found = [parts.get(number) for number in range(len(tasks))]
    missing = [number for number, each in enumerate(found) if each is None]
    done = len(tasks) - len(missing)
    progress(done, len(tasks))

    def keep(number: int, frames: dict[str, pl.DataFrame]) -> None:
        nonlocal done
        parts.put(number, frames)
        found[number] = frames
        done += 1
        progress(done, len(tasks))

    if jobs == 1 or len(missing) == 1:
        engine, reader, repair = eyes.open()
        for number in missing:
            keep(number, look_at_part(tasks[number], engine, reader, repair))
    elif missing:
        pool = ProcessPoolExecutor(
            min(jobs, len(missing)),
            mp_context=get_context("spawn"),  # forked onnxruntime threads hang
            initializer=_open_eyes,
            initargs=(eyes,),
        )
        try:
            waiting = {pool.submit(_look, tasks[number]): number for number in missing}
            for future in as_completed(waiting):
                keep(waiting[future], future.result())
        except BrokenProcessPool as error:
            raise CastlineError(
                "A process that looked at pictures was ended from outside, perhaps for want of "
                "memory. Run the same command again to go on, with fewer --jobs."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
    return [each for each in found if each is not None]


_opened: list[Any] = []


def _open_eyes(eyes: Eyes) -> None:
    """Make this process ready to look."""
    if eyes.offline:
        from castline.offline import forbid_network

        forbid_network()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches all: only the parent speaks
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _opened.append(eyes)


def _leave_with_parent() -> None:
    """End with the process that started us, even when that one is killed."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _look(task: PartTask) -> dict[str, pl.DataFrame]:
    # Engines are opened with the first part: an error in an initializer would only break the pool.
    if len(_opened) == 1:
        _opened.extend(_opened[0].open())
    return look_at_part(task, *_opened[1:])
