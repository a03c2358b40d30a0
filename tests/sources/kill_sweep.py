"""Import, attribute and export in children that die at the n-th touch of the disk; for `test_kill`.

    python kill_sweep.py RELEASE WORK FIRST STRIDE

For n = FIRST, FIRST + STRIDE, … until a child lives: a child works and dies before its n-th
touch, what is sealed must be whole, a second child works to the end, and the bytes must be those
of `expected.json`. Prints how many children died. If WORK holds a project `base`, each child begins
with a copy of it instead of with nothing.

The children are forked after everything is imported: a hundred of them take seconds, not minutes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock  # noqa: F401
import numpy  # noqa: F401
import polars  # noqa: F401

import castline
import castline.attribution.seeding
import castline.sources.dramasr.units
from castline.sources.recipe import import_dramasr

TOUCHES: list[tuple[Any, str]] = [
    (os, "fsync"),
    (os, "replace"),
    (os, "unlink"),
    (os, "mkdir"),
    (os, "chmod"),
    (tempfile, "mkstemp"),
]


def die_before_touch(number: int) -> None:
    seen = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return call

    for module, name in TOUCHES:
        setattr(module, name, counted(getattr(module, name)))


def work_through(release: Path, into: Path) -> None:
    """The job: whatever Castline writes into a project, and an export beside its tables."""
    project, _ = import_dramasr(release, into)
    castline.attribute(project, method="propagation")
    castline.export(project, format="vtt", to=into / "captions")


def child(release: Path, into: Path, touch: int) -> int:
    """Do the job in a forked process; its exit code, or minus the signal that ended it."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            if touch:
                die_before_touch(touch)
            work_through(release, into)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def main() -> None:
    release, work = Path(sys.argv[1]), Path(sys.argv[2])
    touch, stride = int(sys.argv[3]), int(sys.argv[4])
    expected = json.loads((work / "expected.json").read_text())
    into, died = work / "p", 0
    while True:
        if (work / "base").exists():
            shutil.copytree(work / "base", into)
        code = child(release, into, touch)
        assert code in (0, -signal.SIGKILL), f"touch {touch}: the child ended with {code}"
        found = digests(into) if into.exists() else {}
        for name in found:
            if name.startswith("tables/") and name.endswith(".json"):
                sealed = json.loads((into / name).read_text())["digest"]
                table = name.removesuffix("json") + "parquet"
                assert found.get(table) == sealed, f"touch {touch}: {name} speaks for a torn file"
        if code:
            died += 1
            again = child(release, into, 0)
            assert again == 0, f"touch {touch}: the second run ended with {again}"
        found = digests(into)
        different = {name for name in {*found, *expected} if found.get(name) != expected.get(name)}
        assert not different, f"touch {touch}: {sorted(different)}"
        shutil.rmtree(into)
        if code == 0:
            break
        touch += stride
    print("children that died:", died)


if __name__ == "__main__":
    main()
