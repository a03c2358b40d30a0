"""Caption and annotation files: one file an episode, read in any format that is registered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from castline.errors import UsageError
from castline.files import read_bytes, safe_name
from castline.pipeline.stage import Output, Unit
from castline.story.lines import lines_frame, named_labels, overcrowded
from castline.tables.catalog import IMPORTED, RESERVED, table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter
    from castline.tables.store import TableStore

__all__ = ["units"]


def units(
    paths: Sequence[Path],
    store: TableStore,
    *,
    format: str | None,
    options: Mapping[str, Any],
) -> tuple[int, Iterator[Unit]]:
    """The units that import caption files: one an episode, then the cast.

    Args:
        paths: The files in the order of the episodes; an episode is called like its file.
        store: Where the units will write.
        format: The format, or None to tell by the file.
        options: Options of the format.

    Raises:
        UsageError: Two files have one name.
    """
    episodes: dict[str, Path] = {}
    for path in paths:
        episode = safe_name(path.stem)
        if episode in episodes:
            raise UsageError(f"{episodes[episode]} and {path} would both be episode {episode!r}.")
        episodes[episode] = path

    def listed() -> Iterator[Unit]:
        for episode, path in episodes.items():
            yield _episode_unit(path, episode, format, dict(options))
        yield _cast_unit(store, list(episodes), {e: p.name for e, p in episodes.items()})

    return len(episodes) + 1, listed()


def _episode_unit(path: Path, episode: str, format: str | None, options: dict[str, Any]) -> Unit:
    labels, lines = Output("labels", episode, IMPORTED), Output("lines", episode)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        from castline.subtitles import read

        document = read(path, format=format, **options)
        for problem in (*document.problems, overcrowded(document)):
            if problem is not None:
                reporter.warn(f"{path}: {problem}")
        yield labels, named_labels(document, episode)
        yield lines, lines_frame(document, episode)

    content = b"" if path.is_dir() else read_bytes(path) if path.exists() else b"missing"
    if path.is_dir():
        content = b"".join(read_bytes(each) for each in sorted(path.rglob("*")) if each.is_file())
    return Unit(
        stage="import-captions",
        version=2,
        name=episode,
        outputs=(labels, lines),
        inputs={"file": hashlib.sha256(content).hexdigest()},
        parameters={"format": format, "options": msgspec.to_builtins(options)},
        make=make,
    )


def _cast_unit(store: TableStore, episodes: list[str], names: dict[str, str]) -> Unit:
    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        present = [episode for episode in episodes if store.exists("lines", episode)]
        cast: dict[str, None] = {}
        for episode in present:
            labels = store.read("labels", episode, IMPORTED, columns=["character"])
            cast.update(dict.fromkeys(labels["character"].unique(maintain_order=True)))
        known = [name for name in cast if name not in RESERVED]
        columns = {"character": known, "other_names": [[] for _ in known]}
        yield (
            Output("cast"),
            build_frame(
                table("cast"),
                {**columns, "faces": [0] * len(known)},
                kind="character",
                source="captions",
            ),
        )
        yield (
            Output("episodes"),
            build_frame(
                table("episodes"),
                {"episode": present, "path": [names[each] for each in present]},
                source="captions",
            ),
        )

    manifests = {episode: store.manifest("labels", episode, IMPORTED) for episode in episodes}
    return Unit(
        stage="import-captions-cast",
        version=1,
        name="series",
        outputs=(Output("cast"), Output("episodes")),
        inputs={name: manifest.digest for name, manifest in manifests.items() if manifest},
        make=make,
    )
