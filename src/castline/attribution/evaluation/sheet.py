"""The sheet: one row a line that counts, with everything the rules and breakdowns ask about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from castline.attribution.evaluation.visibility import speaker_visible
from castline.errors import UsageError
from castline.tables.catalog import NARRATOR, OTHERS, UNKNOWN

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Sheet", "build_sheet", "known_characters"]

_VOICE = r"^voice-\d+$"
_RELEASED = {"其他": OTHERS, "Other": OTHERS, "未知": UNKNOWN, "Unknown": UNKNOWN}
_RELEASED_VOICE = r"^(?:新角色-|New Character )(\d+)$"


@dataclass(frozen=True)
class Sheet:
    """The lines that count, in series order.

    The columns of `frame`:

    * `line`, `episode`, `start_ms`, `end_ms`, `text`; `seed`: its speaker was known beforehand
    * `speaker`: the annotation as written; `truth`: the same with the release's words for others,
      unknown and new voices put into ours; `speakers`: its single speakers
    * `unknown`: the annotator could not tell; `several`: it is no single name
    * `truth_known`: the annotation as a whole is a known character
    * `person`: the one speaker, `others` if not known; missing if several or unknown
    * `people`: the speakers, unknown people as `others`, sorted, with repetition
    * `label`: the main label; `labels`: all, the main one first; `label_people`: as `people`
    * `label_known`: it is a known character; `label_voice`: it is a new voice
    * `labelled`: there was a label at all; `margin`, `confidence`: of the main label, if any
    * `n_candidates`: number of candidates; missing when the method names none on any line
    * `truth_listed`: `truth` is one of them
    * `visible`: the speaker's face is near; only where `person` is a known character

    Attributes:
        frame: The rows.
        known: The known characters, in order of the cast.
        deleted: Lines that were left out since the annotator struck them.
    """

    frame: pl.DataFrame
    known: tuple[str, ...]
    deleted: int


def known_characters(cast: pl.DataFrame) -> tuple[str, ...]:
    """Those of the cast who were seen at least once, and narrators.

    A cast in which nobody was ever seen comes without faces: then all of it is known.
    """
    import polars as pl

    if (cast["faces"] > 0).any():
        cast = cast.filter((pl.col("faces") > 0) | (pl.col("kind") == NARRATOR))
    return tuple(cast["character"])


def build_sheet(
    *,
    lines: pl.DataFrame,
    truth: pl.DataFrame,
    labels: pl.DataFrame,
    cast: pl.DataFrame,
    candidates: pl.DataFrame | None,
    faces: pl.DataFrame | None,
    seeds: pl.DataFrame | None,
) -> Sheet:
    """Bring the tables of a series together.

    Args:
        lines: Table `lines`, all episodes. Annotations of lines that are not in it do not count.
        truth: Table `truth`.
        labels: Table `labels` of one method. Of several labels of a line, the one with the best
            score is the main one, the first by name among equals.
        cast: Table `cast`.
        candidates: Table `candidates` of the method.
        faces: Table `faces` joined with `face_names`.
        seeds: Table `seeds`.

    Raises:
        UsageError: The labels are of more than one method.
    """
    import polars as pl

    methods = labels["method"].unique().sort()
    if len(methods) > 1:
        raise UsageError(
            f"The labels are of {len(methods)} methods ({', '.join(methods[:5])}); "
            "evaluate one method at a time."
        )
    known = known_characters(cast)
    counted = truth.filter(~pl.col("deleted")).select(
        "line", "episode", "speaker", "speakers", "unknown"
    )
    frame = (
        counted.join(lines.select("line", "start_ms", "end_ms", "text"), on="line")
        # Ids break ties, so that the order of the rows given never matters.
        .sort("episode", "start_ms", "end_ms", "line")
        .with_columns(_truth_columns(cast, known))
        .with_columns(
            several=~pl.col("truth_known")
            & (pl.col("speakers").list.first() != pl.col("speaker")).fill_null(value=True)
        )
    )
    frame = frame.with_columns(person=_person(), people=_people(frame, known))
    frame = frame.with_row_index("row")
    frame = _with_labels(frame, labels, cast, known)
    frame = _with_candidates(frame, candidates)
    given = seeds["line"].unique().to_list() if seeds is not None else []
    frame = frame.sort("row").drop("row")
    frame = frame.with_columns(seed=pl.col("line").is_in(given), visible=pl.lit(None, pl.Boolean))
    if faces is not None:
        frame = frame.with_columns(visible=speaker_visible(frame, faces))
    return Sheet(frame, known, int(truth["deleted"].sum()))


def _truth_columns(cast: pl.DataFrame, known: tuple[str, ...]) -> list[pl.Expr]:
    import polars as pl

    speaker = pl.col("speaker")
    ours = speaker.replace(_RELEASED).str.replace(_RELEASED_VOICE, "voice-${1}")
    in_cast = speaker.is_in(cast["character"].to_list())
    return [
        speaker.is_in(list(known)).alias("truth_known"),
        pl.when(in_cast).then(speaker).otherwise(ours).alias("truth"),
    ]


def _person() -> pl.Expr:
    import polars as pl

    return (
        pl.when("truth_known")
        .then("speaker")
        .when(pl.col("unknown") | pl.col("several"))
        .then(None)
        .otherwise(pl.lit(OTHERS))
    )


def _people(frame: pl.DataFrame, known: tuple[str, ...]) -> pl.Series:
    """The speakers of each line, unknown people as others, sorted."""
    import polars as pl

    somebody = pl.lit([OTHERS], pl.List(pl.String))
    parts = (
        frame.select(
            pl.when("truth_known")
            .then(pl.concat_list("speaker"))
            .when(pl.col("speakers").list.len() == 0)
            .then(somebody)
            .otherwise("speakers")
            .alias("people")
        )
        .with_row_index("row")
        .explode("people")
        .with_columns(
            pl.when(pl.col("people").is_in(list(known)))
            .then("people")
            .otherwise(pl.lit(OTHERS))
            .alias("people")
        )
    )
    return parts.sort("row", "people").group_by("row", maintain_order=True).agg("people")["people"]


def _with_labels(
    frame: pl.DataFrame, labels: pl.DataFrame, cast: pl.DataFrame, known: tuple[str, ...]
) -> pl.DataFrame:
    import polars as pl

    person = (
        pl.when(pl.col("character").is_in([*known, UNKNOWN]))
        .then("character")
        .otherwise(pl.lit(OTHERS))
    )
    by_line = (
        labels.select("line", "character", "score", "margin", "confidence", person=person)
        .sort("line", "score", "character", descending=[False, True, False], nulls_last=True)
        .group_by("line", maintain_order=True)
        .agg(
            pl.col("character").first().alias("label"),
            pl.col("character").alias("labels"),
            pl.col("person").sort().alias("label_people"),
            pl.col("margin", "confidence").first(),
        )
    )
    nobody = pl.lit([UNKNOWN], pl.List(pl.String))
    label = pl.col("label")
    return (
        frame.join(by_line, on="line", how="left")
        .with_columns(
            label.is_not_null().alias("labelled"),
            label.fill_null(UNKNOWN),
            pl.col("labels", "label_people").fill_null(nobody),
        )
        .with_columns(
            label.is_in(list(known)).alias("label_known"),
            (label.str.contains(_VOICE) & ~label.is_in(cast["character"].to_list())).alias(
                "label_voice"
            ),
        )
    )


def _with_candidates(frame: pl.DataFrame, candidates: pl.DataFrame | None) -> pl.DataFrame:
    import polars as pl

    if candidates is None:
        return frame.with_columns(
            n_candidates=pl.lit(None, pl.Int64), truth_listed=pl.lit(value=False)
        )
    # The lists hold people: the release's statistics do not add its word for others either.
    people = candidates.filter(~pl.col("character").is_in([OTHERS, UNKNOWN]))
    truths = people.select("line", "character").join(
        frame.select("line", "truth"),
        left_on=["line", "character"],
        right_on=["line", "truth"],
        how="semi",
    )
    sizes = people.group_by("line").agg(pl.len().cast(pl.Int64).alias("n_candidates"))
    return frame.join(sizes, on="line", how="left").with_columns(
        pl.col("n_candidates").fill_null(0),
        pl.col("line").is_in(truths["line"].unique().to_list()).alias("truth_listed"),
    )
