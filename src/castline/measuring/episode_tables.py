"""From the parts of a film that were looked at to the tables of its episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from castline.story.readings import Reading, merge_readings, readings_frame
from castline.story.shots import CUT_DETECTOR, clips_frame, shots_frame
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = ["joined_parts"]


def joined_parts(
    parts: Sequence[dict[str, pl.DataFrame]], episode: str, duration_ms: int, engine: str
) -> dict[str, pl.DataFrame]:
    """The tables `shots`, `clips`, `faces`, `faceprints`, `motion`, `readings` of one episode.

    Faces and tracks, which each part numbers from 0, are numbered through.

    Args:
        parts: What `look_at_part` gave for each part, in order.
        episode: The episode.
        duration_ms: Length of the film.
        engine: Name of the face engine.
    """
    import polars as pl

    faces, prints, motion = [], [], []
    rows = tracks = 0
    for part in parts:
        number = pl.col("track") + tracks
        faces.append(part["faces"].with_columns(number))
        motion.append(part["motion"].with_columns(number))
        prints.append(part["faceprints"].with_columns(pl.col("row") + rows))
        rows += part["faces"].height
        highest = part["faces"]["track"].max()
        tracks += int(highest) + 1 if isinstance(highest, int) else 0
    face = pl.format("{}-f{}", pl.lit(episode), pl.col("row").cast(pl.String).str.zfill(6))
    track = pl.format("{}-t{}", pl.lit(episode), pl.col("track").cast(pl.String).str.zfill(5))
    seen = pl.concat(faces).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    seen = seen.with_columns(face.alias("face"), track.alias("track"))
    embedded = pl.concat(prints).join(
        seen.select("row", "face", "track"), on="row", maintain_order="left"
    )
    cuts = pl.concat([part["cuts"] for part in parts])["time_ms"].to_list()
    times = {"start_ms": pl.col("time_ms"), "end_ms": pl.col("time_ms")}
    shots = shots_frame(cuts, duration_ms, episode, CUT_DETECTOR)
    return {
        "shots": shots,
        "clips": clips_frame(shots, episode, CUT_DETECTOR),
        "faces": build_frame(
            table("faces"),
            seen.with_columns(**times, confidence=pl.lit(None, pl.Float32)),
            episode=episode,
            source=engine,
        ),
        "faceprints": build_frame(table("faceprints"), embedded, episode=episode, source=engine),
        "motion": build_frame(
            table("motion"),
            pl.concat(motion).with_columns(track.alias("track")),
            episode=episode,
            source="mouths",
        ),
        "readings": _readings([part["readings"] for part in parts], episode),
    }


def _readings(parts: list[pl.DataFrame], episode: str) -> pl.DataFrame:
    """The table `readings`; a text that crosses the border of two parts is one."""
    import polars as pl

    readings = merge_readings(Reading(*row) for row in pl.concat(parts).iter_rows())
    return readings_frame(readings, episode, "rapidocr")
