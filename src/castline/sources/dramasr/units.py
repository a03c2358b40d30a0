"""The units that import a series folder: one an episode, then what tells of the whole series."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from castline.errors import InputError
from castline.files import read_bytes
from castline.pipeline.stage import Output, Unit
from castline.sources.dramasr.read import (
    SOURCE,
    Library,
    is_narrator,
    read_array,
    read_captions,
    read_faces,
    read_library,
    read_lines,
    read_relations,
    read_seeds,
    read_voices,
)
from castline.tables.catalog import GIVEN, IMPORTED, NARRATOR, table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter
    from castline.tables.store import TableStore

__all__ = ["units"]

_EPISODE_FILE = re.compile(r"\d{4}")


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        # What is no file fails when the unit is made, not while units are listed.
        content = read_bytes(path) if path.is_file() else b""
        digest.update(f"{path.is_file()}{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _episodes(folder: Path) -> list[str]:
    if not (folder / "subtitle_data").is_dir():
        raise InputError(
            folder,
            "no folder 'subtitle_data' in it.",
            remedy="Give the folder of one series of the DramaSR release.",
        )
    found = sorted(
        path.stem
        for path in (folder / "subtitle_data").glob("*.json")
        if _EPISODE_FILE.fullmatch(path.stem)
    )
    if not found:
        raise InputError(
            folder / "subtitle_data", "no episode files (0001.json, 0002.json, …) in it."
        )
    # A hole in the numbers is a file that got lost: it becomes a unit that fails by name.
    return [f"{number:04d}" for number in range(1, int(found[-1]) + 1)]


def units(folder: Path, store: TableStore) -> tuple[int, Iterator[Unit]]:
    """The units that import a series folder: one an episode, then what tells of the whole series.

    Args:
        folder: The series folder of the release.
        store: Where the units will write; the series-wide ones read the episodes from there.

    Returns:
        How many there are, and the units; each is made up when its turn comes, since the last
        ones depend on what the first ones wrote.

    Raises:
        InputError: The folder is no series of the release.
    """
    episodes = _episodes(folder)
    library = read_library(folder / "face_data" / "face_info.json")
    relations, captions = folder / "relation.json", folder / "caption.json"
    seeds = sorted(folder.glob("init_seeds_*.json"))[:1]

    def listed() -> Iterator[Unit]:
        width = _first_width(folder, episodes)
        for episode in episodes:
            yield _episode_unit(folder, episode, set(library.role_name_variants), width)
        yield _cast_unit(folder, library, store, episodes)
        if relations.exists():
            yield _relations_unit(relations)
        if captions.exists():
            yield _captions_unit(captions, episodes)
        for path in seeds:
            yield _seeds_unit(path, store, episodes)

    total = len(episodes) + 1 + relations.exists() + captions.exists() + len(seeds)
    return total, listed()


def _first_width(folder: Path, episodes: list[str]) -> int | None:
    for episode in episodes:
        path = folder / "sv_embedding" / f"{episode}.npy"
        if path.exists():
            try:
                array = read_array(path)
            except InputError:
                continue
            if array.ndim == 2:
                return int(array.shape[1])
    return None


def _episode_unit(folder: Path, episode: str, library: set[str], width: int | None) -> Unit:
    subtitles = folder / "subtitle_data" / f"{episode}.json"
    faces = folder / "face_data" / f"{episode}.json"
    voices = folder / "sv_embedding" / f"{episode}.npy"
    outputs = {
        name: Output(name, episode) for name in ("faces", "face_names", "voices", "truth", "lines")
    }

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        lines, truth, order = read_lines(subtitles, episode, reporter)
        where, who = read_faces(faces, episode, library, reporter)
        yield outputs["voices"], read_voices(voices, episode, order, width, reporter)
        yield outputs["faces"], where
        yield outputs["face_names"], who
        yield outputs["truth"], truth
        # Last, since an episode exists for the rest of the program once it has lines.
        yield outputs["lines"], lines

    return Unit(
        stage="import-dramasr",
        version=1,
        name=episode,
        outputs=tuple(outputs.values()),
        inputs={
            "files": _digest(subtitles, faces, voices),
            "library": hashlib.sha256(msgspec.json.encode(sorted(library))).hexdigest(),
        },
        make=make,
    )


def _table_digests(store: TableStore, table: str, episodes: list[str]) -> dict[str, str]:
    manifests = {f"{table}/{episode}": store.manifest(table, episode) for episode in episodes}
    return {name: manifest.digest for name, manifest in manifests.items() if manifest}


def _cast_unit(folder: Path, library: Library, store: TableStore, episodes: list[str]) -> Unit:
    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        present = [episode for episode in episodes if store.exists("lines", episode)]
        faces: dict[str, int] = {}
        narrators: dict[str, None] = {}
        for episode in present:
            names = store.read("face_names", episode, columns=["character"])["character"]
            for name, count in names.drop_nulls().value_counts().iter_rows():
                faces[name] = faces.get(name, 0) + count
            spoken = store.read("truth", episode, columns=["speaker"])["speaker"]
            narrators.update(dict.fromkeys(filter(is_narrator, spoken.unique(maintain_order=True))))
        variants = library.role_name_variants
        cast = [*variants, *(name for name in narrators if name not in variants)]
        played = library.actor_to_role.items()
        actors = {role: actor for actor, role in played if isinstance(role, str)}
        others = {name: (joined or "").split("&") for name, joined in variants.items()}
        yield (
            Output("cast"),
            build_frame(
                table("cast"),
                {
                    "character": cast,
                    "other_names": [
                        [other for other in others.get(name, []) if other not in ("", name)]
                        for name in cast
                    ],
                    "actor": [actors.get(name) for name in cast],
                    "kind": ["character" if name in variants else NARRATOR for name in cast],
                    "faces": [faces.get(name, 0) for name in cast],
                },
                source=SOURCE,
            ),
        )
        yield (
            Output("episodes"),
            build_frame(
                table("episodes"),
                {"episode": present, "path": [f"subtitle_data/{each}.json" for each in present]},
                language="zh",
                source=SOURCE,
            ),
        )

    return Unit(
        stage="import-dramasr-cast",
        version=1,
        name="series",
        outputs=(Output("cast"), Output("episodes")),
        inputs={
            "library": _digest(folder / "face_data" / "face_info.json"),
            **_table_digests(store, "face_names", episodes),
            **_table_digests(store, "truth", episodes),
        },
        make=make,
    )


def _relations_unit(path: Path) -> Unit:
    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        yield Output("relations"), read_relations(path, reporter)

    return Unit(
        stage="import-dramasr-relations",
        version=1,
        name="series",
        outputs=(Output("relations"),),
        inputs={"file": _digest(path)},
        make=make,
    )


def _captions_unit(path: Path, episodes: list[str]) -> Unit:
    outputs = {each: Output("captions", each, IMPORTED) for each in episodes}

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        for episode, frame in read_captions(path, episodes, reporter).items():
            yield outputs[episode], frame

    return Unit(
        stage="import-dramasr-captions",
        version=1,
        name="series",
        outputs=tuple(outputs.values()),
        inputs={"file": _digest(path)},
        make=make,
    )


def _seeds_unit(path: Path, store: TableStore, episodes: list[str]) -> Unit:
    output = Output("seeds", variant=GIVEN)

    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        seeds = read_seeds(path)
        ids = _series_lines(path, store, episodes, len(seeds.utterance_label))
        known = set(store.read("cast")["character"])
        codes = {each.code: each.name for each in seeds.character_list}
        rows: list[tuple[int, str, str, str]] = []
        for position, label in enumerate(seeds.utterance_label):
            if not label.is_gt or ids[position] is None:
                continue
            name = codes.get(label.code)
            if name is None or name not in known:
                raise InputError(
                    path,
                    f"the character {name if name is not None else label.code!r} is not in the "
                    "face library and no narrator.",
                    place=f"utterance_label {position}",
                    remedy="Seeds and library must come from the same release.",
                )
            episode, line = ids[position] or ("", "")
            rows.append((label.code, line, episode, name))
        # In the order of the file's characters, which is the order of their codes.
        rows.sort(key=lambda row: row[0])
        names = ("line", "episode", "character")
        columns = {name: [row[i + 1] for row in rows] for i, name in enumerate(names)}
        yield output, build_frame(table("seeds"), columns, origin=GIVEN, source=SOURCE)

    return Unit(
        stage="import-dramasr-seeds",
        version=1,
        name="series",
        outputs=(output,),
        inputs={
            "file": _digest(path),
            **_table_digests(store, "lines", episodes),
            **_table_digests(store, "cast", ["series"]),
        },
        make=make,
    )


def _series_lines(
    path: Path, store: TableStore, episodes: list[str], total: int
) -> list[tuple[str, str] | None]:
    """Episode and id of every line by its position in the series; None in a failed episode."""
    import polars as pl

    per_episode: list[list[tuple[str, str]] | None] = []
    for episode in episodes:
        if not store.exists("lines", episode):
            per_episode.append(None)
            continue
        lines = store.read("lines", episode, columns=["line", "number"]).sort(pl.col("number"))
        per_episode.append([(episode, line) for line in lines["line"]])
    lost = [e for e, found in zip(episodes, per_episode, strict=True) if found is None]
    counted = sum(len(found) for found in per_episode if found is not None)
    if (not lost and counted != total) or counted > total or len(lost) > 1:
        missing = f" Missing: episodes {', '.join(lost)}." if lost else ""
        raise InputError(
            path,
            f"the seeds are for {total} lines, the episodes have {counted}.{missing}",
            remedy="Seeds count lines over the whole series: mend the episodes and run again.",
        )
    ids: list[tuple[str, str] | None] = []
    for found in per_episode:
        # With one episode lost, its length is what the others leave.
        ids += found if found is not None else [None] * (total - counted)
    return ids
