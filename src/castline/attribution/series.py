"""From tables to the arrays that methods work on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.attribution.base import HELD, NOBODY, Mouths, Series
from castline.attribution.nearness import FaceTimes, Timeline
from castline.errors import TableError
from castline.tables.catalog import GIVEN, NARRATOR, RESERVED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from castline.engines.base import Calibration
    from castline.tables.store import TableStore

__all__ = [
    "PROTOCOLS",
    "Protocol",
    "has_voice",
    "load_series",
    "narrow_cast",
    "narrowed_codes",
    "unit_rows",
    "voice_scale",
]

EPISODE_MARGIN_MS = 10_000
"""Silence assumed before the first and after the last line of an episode, so that two episodes
that follow each other lie 20 s apart on the common clock (released code)."""


@dataclass(frozen=True)
class Protocol:
    """What is known before a method starts.

    Attributes:
        name: Its name in commands and tables.
        seeds: Variant of the seeds table.
        whole_cast: Whether the whole face library takes part, or only those who have a seed.
        meaning: One sentence for people.
    """

    name: str
    seeds: str
    whole_cast: bool = field(kw_only=True)
    meaning: str = field(kw_only=True)


PROTOCOLS = {
    each.name: each
    for each in (
        Protocol(
            "released",
            GIVEN,
            whole_cast=False,
            meaning="seeds as given, and only characters who have one: the published setting",
        ),
        Protocol(
            "library",
            GIVEN,
            whole_cast=True,
            meaning="seeds as given, and the whole face library as cast",
        ),
        Protocol(
            "unsupervised",
            "cluster",
            whole_cast=True,
            meaning="seeds found by clustering voices near faces; nothing is taken from the truth",
        ),
    )
}


def load_series(
    store: TableStore,
    episodes: list[str],
    protocol: Protocol,
    edits: Mapping[str, str],
    *,
    with_seeds: bool = True,
) -> Series:
    """Read what a method may see.

    Args:
        store: The tables of the project.
        episodes: Episodes in order.
        protocol: What is known beforehand.
        edits: Line id to the speaker that a person gave it; each becomes a seed.
        with_seeds: Leave seeds out when they are just what is looked for.

    Raises:
        TableError: A table that is needed is missing or does not fit the lines.
    """
    lines: list[str] = []
    texts: list[str] = []
    index, starts, ends, shifts = [], [], [], []
    clock = 0
    for position, episode in enumerate(episodes):
        frame = _spoken(store, episode)
        shift = 0
        if frame.height:
            # Absolute time: episodes one after the other, each with a margin on both sides.
            first = int(frame["start_ms"][0]) - EPISODE_MARGIN_MS
            last = int(frame["end_ms"][-1]) + EPISODE_MARGIN_MS
            shift = clock - first
            clock += last - first
        shifts.append(shift)
        lines += frame["line"].to_list()
        texts += frame["text"].to_list()
        index.append(np.full(frame.height, position, np.int32))
        starts.append(frame["start_ms"].to_numpy() + shift)
        ends.append(frame["end_ms"].to_numpy() + shift)
    cast, everywhere, seeds = _cast_and_seeds(store, protocol, edits, lines, with_seeds=with_seeds)
    timeline = Timeline(_joined(starts, np.int64), _joined(ends, np.int64))
    voices, strength = _voices(store, episodes, len(lines))
    return Series(
        lines=tuple(lines),
        episode=_joined(index, np.int32),
        timeline=timeline,
        faces=_faces(store, episodes, shifts, cast),
        voices=voices,
        cast=cast,
        everywhere=everywhere,
        seeds=seeds,
        mouths=_mouths(store, episodes, lines, timeline.end_ms - timeline.start_ms, cast),
        texts=tuple(texts),
        forms=_forms(store, cast),
        strength=strength,
        relations=_relations(store, cast),
        seeds_given=protocol.seeds == GIVEN,
    )


def narrow_cast(series: Series, kept: npt.NDArray[np.bool_]) -> Series:
    """The series as it is known to somebody who knows only a part of the cast.

    Args:
        series: With a cast of C.
        kept: (C,) who is left. The others' faces and seeds become nobody's; mouths are left out.
    """
    code = narrowed_codes(kept)
    faces, seeds = series.faces, series.seeds
    return dataclasses.replace(
        series,
        faces=dataclasses.replace(faces, character=code[faces.character]),
        cast=tuple(each for each, here in zip(series.cast, kept, strict=True) if here),
        everywhere=series.everywhere[kept],
        seeds=np.where(seeds >= 0, code[np.maximum(seeds, 0)], seeds).astype(np.int32),
        mouths=None,
        forms=tuple(each for each, here in zip(series.forms, kept, strict=False) if here),
        relations=tuple(
            (int(code[here]), int(code[there]), what)
            for here, there, what in series.relations
            if kept[here] and kept[there]
        ),
    )


def narrowed_codes(kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """(C + 1,) code of each of a cast among those who are `kept`, `NOBODY` for the others.

    The last is for nobody of the cast, whose code, -1, finds it too.
    """
    return np.append(np.where(kept, np.cumsum(kept) - 1, NOBODY), NOBODY).astype(np.int32)


def _spoken(store: TableStore, episode: str) -> pl.DataFrame:
    """The lines of an episode that somebody says, without sounds and signs."""
    frame = store.read("lines", episode, columns=["line", "start_ms", "end_ms", "text", "kind"])
    return frame.filter(frame["kind"] == "speech").drop("kind")


def _joined(parts: list[npt.NDArray[Any]], dtype: type) -> npt.NDArray[Any]:
    return np.concatenate(parts).astype(dtype, copy=False) if parts else np.empty(0, dtype)


def _cast_and_seeds(
    store: TableStore,
    protocol: Protocol,
    edits: Mapping[str, str],
    lines: list[str],
    *,
    with_seeds: bool,
) -> tuple[tuple[str, ...], npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    table = store.read("cast")
    narrators = set(table.filter(table["kind"] == NARRATOR)["character"])
    given: list[tuple[str, str]] = []
    if with_seeds:
        rows = store.read("seeds", variant=protocol.seeds, columns=["line", "character"])
        given = list(rows.iter_rows())
    seeded = list(dict.fromkeys(who for _, who in given if who not in RESERVED))
    names = dict.fromkeys(seeded)
    if protocol.whole_cast:
        # Whoever narrates is known from seeds alone; a face library holds no narrator.
        known = [name for name in table["character"] if name not in narrators]
        names = dict.fromkeys([*known, *seeded])
    names.update(dict.fromkeys(who for who in edits.values() if who not in RESERVED))
    cast = tuple(names)
    code = {name: number for number, name in enumerate(cast)}
    wanted = {line for line, _ in given}.union(edits)
    place = {line: number for number, line in enumerate(lines) if line in wanted}
    seeds = np.full(len(lines), NOBODY, np.int32)
    for line, character in given:
        if line in place:  # the episode of a seed may not have been imported
            seeds[place[line]] = code.get(character, HELD)
    for line, character in edits.items():
        if line in place:  # what a person said of a sound or a sign is kept, and seeds nothing
            seeds[place[line]] = code.get(character, HELD)
    return cast, np.array([name in narrators for name in cast], np.bool_), seeds


def _forms(store: TableStore, cast: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """By what names each of the cast may be called, the own one first."""
    table = store.read("cast", columns=["character", "other_names"])
    others: dict[str, list[str]] = dict(table.iter_rows())
    return tuple((name, *(others.get(name) or ())) for name in cast)


def _relations(store: TableStore, cast: tuple[str, ...]) -> tuple[tuple[int, int, str], ...]:
    """What the cast are to each other, as it came with the series.

    What models read in it is left out: they knew the speakers from labels.
    """
    if not store.exists("relations"):
        return ()
    table = store.read("relations", columns=["from", "to", "relation"])
    code = {name: number for number, name in enumerate(cast)}
    told = (row for row in table.iter_rows() if row[0] in code and row[1] in code)
    return tuple((code[here], code[there], what) for here, there, what in told)


def _faces(
    store: TableStore, episodes: list[str], shifts: list[int], cast: tuple[str, ...]
) -> FaceTimes:
    import polars as pl

    codes = pl.DataFrame(
        {"character": list(cast), "code": np.arange(len(cast), dtype=np.int32)},
        schema={"character": pl.String, "code": pl.Int32},
    )
    starts, ends, characters, scores, boxes = [], [], [], [], []
    edges = ["left", "top", "right", "bottom"]
    for episode, shift in zip(episodes, shifts, strict=True):
        if not store.exists("faces", episode):
            continue
        seen = store.read("faces", episode, columns=["face", "start_ms", "end_ms", *edges])
        named = store.read("face_names", episode, columns=["face", "character", "score"])
        if not seen["face"].equals(named["face"]):
            named = seen.select("face").join(named, on="face", how="left", maintain_order="left")
        named = named.join(codes, on="character", how="left", maintain_order="left")
        starts.append(seen["start_ms"].to_numpy() + shift)
        ends.append(seen["end_ms"].to_numpy() + shift)
        characters.append(named["code"].fill_null(NOBODY).to_numpy())
        scores.append(named["score"].fill_null(0.0).to_numpy())
        boxes.append(seen.select(edges).cast(pl.Float32).fill_null(np.nan).to_numpy())
    return FaceTimes(
        start_ms=_joined(starts, np.int64),
        end_ms=_joined(ends, np.int64),
        character=_joined(characters, np.int32),
        score=_joined(scores, np.float32),
        box=np.concatenate([np.empty((0, 4), np.float32), *boxes]),
    )


def _mouths(
    store: TableStore,
    episodes: list[str],
    lines: list[str],
    length_ms: npt.NDArray[np.int64],
    cast: tuple[str, ...],
) -> Mouths | None:
    """Mouth evidence by line and character; a face without a name counts as `NOBODY`'s."""
    import polars as pl

    measured = [episode for episode in episodes if store.exists("mouths", episode)]
    if not measured:
        return None
    parts = []
    for episode in measured:
        faces = store.read("faces", episode, columns=["face", "track"])
        names = store.read("face_names", episode, columns=["face", "character"])
        by_track = faces.join(names, on="face").drop_nulls("track").unique("track")
        evidence = store.read("mouths", episode, columns=["line", "track", "seen_ms", "log_odds"])
        parts.append(evidence.join(by_track.select("track", "character"), on="track", how="left"))
    rows = pl.DataFrame({"line": lines, "length": length_ms}).with_row_index("row")
    codes = pl.DataFrame(
        {"character": list(cast), "code": range(len(cast))},
        schema={"character": pl.String, "code": pl.Int32},
    )
    # A person who is seen twice in a line, with a cut in between, speaks in one of the two.
    table = (
        pl.concat(parts)
        .join(rows, on="line")
        .join(codes, on="character", how="left")
        .with_columns(pl.col("code").fill_null(NOBODY))
        .group_by("row", "code")
        .agg(pl.col("log_odds").max(), pl.col("seen_ms").sum(), pl.col("length").first())
        .sort("row", "code")
    )
    return Mouths(
        line=table["row"].cast(pl.Int32).to_numpy(),
        character=table["code"].to_numpy(),
        log_odds=table["log_odds"].to_numpy(),
        share=np.clip(table["seen_ms"] / np.maximum(table["length"], 1), 0, 1).astype(np.float32),
    )


def _voices(
    store: TableStore, episodes: list[str], lines: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Voiceprints of norm 1 on the common scale, and how long they were before.

    What was read of an episode is dropped at once.
    """
    scale = voice_scale(store, episodes)
    voices: npt.NDArray[np.float32] | None = None
    norms = np.zeros(lines, np.float32)
    done = 0
    for episode in episodes:
        ids = _spoken(store, episode)["line"]
        frame = store.read("voices", episode, columns=["line", "embedding"])
        if not frame["line"].equals(ids):
            frame = ids.to_frame().join(frame, on="line", how="left", maintain_order="left")
        rows = np.array(frame["embedding"].to_numpy(), np.float32).reshape(len(ids), -1)
        if not len(rows):
            continue
        norms[done : done + len(rows)] = np.nan_to_num(np.linalg.norm(rows, axis=1))
        if scale is not None:
            from castline.engines.calibration import calibrate

            rows = calibrate(rows, scale)
        if voices is None:
            voices = np.zeros((lines, rows.shape[1]), np.float32)
        if rows.shape[1] != voices.shape[1]:
            raise TableError(
                f"{store.path('voices', episode)}: voiceprints have {rows.shape[1]} numbers, "
                f"those of the first episode {voices.shape[1]}. Measure all with one engine."
            )
        voices[done : done + len(rows)] = unit_rows(rows)
        done += len(rows)
    if voices is None:
        voices = np.zeros((lines, 1), np.float32)
    usual = np.median(norms[norms > 0]) if (norms > 0).any() else 1.0
    return voices, norms / np.float32(usual)


def voice_scale(store: TableStore, episodes: list[str]) -> Calibration | None:
    """How the engine that measured the voices comes to the common scale.

    None for voiceprints that were imported: those are taken to be on it.
    """
    from castline.engines.models import manifest_of

    for episode in episodes:
        if store.exists("voices", episode):
            sources = store.read("voices", episode, columns=["source"])["source"]
            manifest = manifest_of("voices", sources[0]) if len(sources) else None
            if manifest is not None:
                return manifest.calibration
    return None


def has_voice(voices: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """(N,) which rows hold a voiceprint: those of norm 1, not of zeros (see `unit_rows`)."""
    squares: npt.NDArray[np.float32] = np.einsum("nd,nd->n", voices, voices)
    return squares > 0.5


def unit_rows(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows divided by their norm; a row that is zero or not finite becomes zeros.

    Zeros give similarity 0 with everything, which is what the released code makes of such rows.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    unit[~np.isfinite(unit).all(1)] = 0
    return unit
