"""Write a synthetic series as a folder of the DramaSR release, file by file, field by field."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from castline.files import write_atomically
from castline.tables.catalog import NARRATOR
from castline.testing.series import (
    SeriesShape,
    SeriesWide,
    SyntheticEpisode,
    SyntheticSeries,
    iter_episodes,
)
from castline.timing import format_clock

if TYPE_CHECKING:
    import polars as pl

__all__ = ["write_release"]

_FRAME_MS = 40


def write_release(series: SyntheticSeries | SeriesShape, folder: Path | str) -> Path:
    """Write a series in the layout of the release.

    Args:
        series: The series; a shape is made and written episode by episode.
        folder: Where to; made when it is not there. Files of the same names are replaced.

    Returns:
        The folder.

    Raises:
        StorageError: The disk refused.
    """
    folder = Path(folder)
    shape = series if isinstance(series, SeriesShape) else series.shape
    episodes: Iterable[SyntheticEpisode] = (
        iter_episodes(shape) if isinstance(series, SeriesShape) else series.episodes
    )
    wide = SeriesWide(shape)
    position: dict[str, int] = {}
    spoken: dict[str, int] = {}
    for number, episode in enumerate(episodes):
        wide.add(episode)
        for line, speaker in zip(episode.lines["line"], episode.truth["speaker"], strict=True):
            position[line] = len(position)
            spoken[speaker] = spoken.get(speaker, 0) + 1
        _write_json(folder / "subtitle_data" / f"{episode.name}.json", _subtitles(number, episode))
        _write_json(folder / "face_data" / f"{episode.name}.json", _faces(number, episode))
        write_atomically(folder / "sv_embedding" / f"{episode.name}.npy", _array(episode))
    tables = wide.tables()
    if isinstance(series, SyntheticSeries):
        tables = {"cast": series.cast, "relations": series.relations, "seeds": series.seeds}
    cast = tables["cast"]
    _write_json(folder / "face_data" / "face_info.json", _library(cast))
    _write_json(folder / "relation.json", _relations(cast, tables["relations"]))
    seeds = _seeds(cast, tables["seeds"], position, spoken)
    _write_json(folder / "init_seeds_1pct.json", seeds)
    return folder


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, msgspec.json.encode(content))


def _array(episode: SyntheticEpisode) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, episode.voices["embedding"].to_numpy())
    return buffer.getvalue()


def _span(start_ms: int, end_ms: int) -> dict[str, Any]:
    return {
        "start_time": format_clock(start_ms),
        "end_time": format_clock(end_ms),
        "start_frame": start_ms // _FRAME_MS,
        "end_frame": end_ms // _FRAME_MS,
    }


def _objects(number: int, objects: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "episode_idx": number,
        "objects": len(objects),
        "object_list": {
            str(at): {"episode_idx": number, "object_idx": at, **each}
            for at, each in enumerate(objects)
        },
    }


def _subtitles(number: int, episode: SyntheticEpisode) -> dict[str, Any]:
    # In the order of the file, which a line keeps as its number.
    rows = episode.lines.join(episode.truth, on="line", maintain_order="left").sort("number")
    columns = rows.select("start_ms", "end_ms", "text", "speaker")
    return _objects(
        number,
        [
            {**_span(start, end), "geometry": {}, "text": text, "character": speaker}
            for start, end, text, speaker in columns.iter_rows()
        ],
    )


def _faces(number: int, episode: SyntheticEpisode) -> dict[str, Any]:
    rows = episode.faces.join(episode.face_names, on="face", maintain_order="left")
    columns = ("start_ms", "end_ms", "left", "top", "right", "bottom")
    return _objects(
        number,
        [
            {
                **_span(start, end),
                "geometry": {
                    "active_frames": 1,
                    "active_frame_list": {
                        "0": {
                            "frame": start // _FRAME_MS,
                            "box": dict(zip("0123", box, strict=True)),
                        }
                    },
                },
                "ids": 1,
                "id_list": {
                    # Three decimals, as released; the nearest 32-bit float is the same again.
                    "0": {"name": character or cluster, "score": round(score, 3), "source": {}}
                },
            }
            for start, end, *box, character, cluster, score in rows.select(
                *columns, "character", "cluster", "score"
            ).iter_rows()
        ],
    )


def _library(cast: pl.DataFrame) -> dict[str, Any]:
    rows = [row for row in cast.iter_rows(named=True) if row["kind"] != NARRATOR]
    variants = {row["character"]: [row["character"], *row["other_names"]] for row in rows}
    return {
        "actor_name": {row["actor"]: row["actor"] for row in rows if row["actor"]},
        "role_name": {each: name for name, names in variants.items() for each in names},
        "actor_to_role": {row["actor"]: row["character"] for row in rows if row["actor"]},
        "role_dirname": {name: f"role-{at:03d}" for at, name in enumerate(variants)},
        "role_name_variants": {name: "&".join(names) for name, names in variants.items()},
    }


def _relations(cast: pl.DataFrame, relations: pl.DataFrame) -> dict[str, Any]:
    triples = list(relations.select("from", "to", "relation").iter_rows())
    words: dict[str, int] = {}
    for *_, word in triples:
        words[word] = words.get(word, 0) + 1
    mapping: dict[str, str | None] = {"其他": None}
    mapping.update((name, None) for name in cast.filter(kind=NARRATOR)["character"])
    return {
        "character_list": list(dict.fromkeys(name for name, *_ in triples)),
        "character_name_mapping": mapping,
        "relationship_list": triples,
        "relationship_type_dict": words,
    }


def _seeds(
    cast: pl.DataFrame, seeds: pl.DataFrame, position: dict[str, int], spoken: dict[str, int]
) -> dict[str, Any]:
    narrators = set(cast.filter(kind=NARRATOR)["character"])
    known = set(cast["character"])
    # Most lines first; `spoken` is in order of first appearance, and sorting keeps that in ties.
    names = sorted((name for name in spoken if name in known), key=lambda name: -spoken[name])
    codes = {name: code for code, name in enumerate(names)}
    placed: dict[str, list[int]] = {name: [] for name in names}
    labels: list[dict[str, Any]] = [{"code": -1, "is_gt": False, "rel_info": []} for _ in position]
    for line, name in seeds.select("line", "character").iter_rows():
        placed[name].append(position[line])
        labels[position[line]] = {
            "code": codes[name],
            "is_gt": True,
            "rel_info": {"_list": [name], "_dict": {name: 1.0}},
        }
    return {
        "characters": len(names),
        "character_list": [
            {
                "name": name,
                "code": code,
                "is_known": True,
                "is_global": name in narrators,
                "utterance_list": sorted(placed[name]),
            }
            for name, code in codes.items()
        ],
        "character_dict": codes,
        "utterance_label": labels,
    }
