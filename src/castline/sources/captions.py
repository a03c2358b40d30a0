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
from castline.tables.catalog import IMPORTED, RESERVED, UNKNOWN, table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter
    from castline.subtitles.base import Document
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
        for problem in document.problems:
            reporter.warn(f"{path}: {problem}")
        ids = [f"{episode}-{number + 1:05d}" for number in range(len(document.cues))]
        yield labels, _labels(document, ids, episode)
        yield lines, _lines(document, ids, episode)

    content = b"" if path.is_dir() else read_bytes(path) if path.exists() else b"missing"
    if path.is_dir():
        content = b"".join(read_bytes(each) for each in sorted(path.rglob("*")) if each.is_file())
    return Unit(
        stage="import-captions",
        version=1,
        name=episode,
        outputs=(labels, lines),
        inputs={"file": hashlib.sha256(content).hexdigest()},
        parameters={"format": format, "options": msgspec.to_builtins(options)},
        make=make,
    )


def _lines(document: Document, ids: list[str], episode: str) -> pl.DataFrame:
    cues = document.cues
    return build_frame(
        table("lines"),
        {
            "line": ids,
            "number": list(range(len(cues))),
            "start_ms": [cue.start_ms for cue in cues],
            "end_ms": [cue.end_ms for cue in cues],
            "text": [cue.text for cue in cues],
            "kind": [cue.kind for cue in cues],
        },
        episode=episode,
        source=document.format,
    )


def _labels(document: Document, ids: list[str], episode: str) -> pl.DataFrame:
    rows = [
        (line, speaker, cue.confidence)
        for line, cue in zip(ids, document.cues, strict=True)
        for speaker in dict.fromkeys(cue.speakers or (UNKNOWN,))
    ]
    return build_frame(
        table("labels"),
        {
            "line": [row[0] for row in rows],
            "character": [row[1] for row in rows],
            "pass": [0] * len(rows),
            "status": ["abstained" if row[1] == UNKNOWN else "settled" for row in rows],
            "reasons": [["named in the file"] if row[1] != UNKNOWN else [] for row in rows],
            "confidence": [row[2] for row in rows],
        },
        episode=episode,
        method=IMPORTED,
        source=document.format,
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
