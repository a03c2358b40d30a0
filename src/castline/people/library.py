"""The character library: what each of the cast looks like, from portraits and the series itself.

Portraits come first. Then, in rounds, faces of the series join whose track is surely that
character, and the library is made again, until nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from castline.people.bank import (
    LEAST_SCORE,
    Bank,
    Threshold,
    covisible_tracks,
    find_threshold,
    track_prints,
)
from castline.people.naming import NamingSettings
from castline.people.quality import WORTH_ASKING
from castline.people.queries import choose_queries, external_distance, unit_distance
from castline.people.samples import (
    Samples,
    cloud,
    faces_alone,
    found_samples,
    given_samples,
)
from castline.tables.catalog import table
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LibraryResult", "LibrarySettings", "build_library"]

Floats = npt.NDArray[np.float32]

_SOURCE = "library"
# Shares of the distance at which two faces are just the same person.
_ALIKE = 0.55
_COINCIDE = 0.25


@dataclass(frozen=True)
class LibrarySettings:
    """How the library is made.

    Attributes:
        prior: Similarity at which the engine's own calibration takes two faces for one person;
            0.45 for embeddings on the common scale.
        rounds: How often faces of the series may join; 0 keeps to the portraits.
        sure_score: Least score of a track whose faces join, on the common scale.
        sure_margin: Its distance is at most this share of the distance to the next character.
        least_quality: Least quality of a face that joins.
        most_found: Faces of the series that a character may gain.
        paper: One query a character, its plain centroid, neither chosen nor normalised.
    """

    prior: Annotated[float, msgspec.Meta(ge=-1, lt=1)] = LEAST_SCORE
    rounds: Annotated[int, msgspec.Meta(ge=0, le=10)] = 3
    sure_score: Annotated[float, msgspec.Meta(ge=-1, le=1)] = 0.55
    sure_margin: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.85
    least_quality: Annotated[float, msgspec.Meta(ge=0, le=1)] = WORTH_ASKING
    most_found: Annotated[int, msgspec.Meta(ge=0)] = 30
    paper: bool = False


@dataclass(frozen=True)
class LibraryResult:
    """A library and how it came about.

    Attributes:
        library: Table `library`.
        portraits: Table `portraits`: the given ones that are used, then the faces that joined.
        warnings: What a person should look at, one sentence each.
        put_aside: Given portraits that are not used, with the reason.
        threshold: From where on a face is given a name, and its two error rates.
        rounds: How often faces joined.
    """

    library: pl.DataFrame
    portraits: pl.DataFrame
    warnings: tuple[str, ...]
    put_aside: Mapping[str, str]
    threshold: Threshold
    rounds: int


def build_library(
    portraits: pl.DataFrame,
    faceprints: pl.DataFrame,
    faces: pl.DataFrame,
    settings: LibrarySettings | None = None,
) -> LibraryResult:
    """Make the character library.

    Args:
        portraits: Table `portraits`; only rows with origin `given` are read.
        faceprints: Table `faceprints` of all episodes; may be empty.
        faces: Table `faces` of all episodes: which tracks are seen together.
        settings: How to make it.
    """
    settings = settings or LibrarySettings()
    unit = unit_distance(settings.prior)
    given, put_aside = given_samples(portraits, unit)
    if not given:
        empty = Threshold(settings.prior, 0, None, 0, None)
        warning = "No portrait can be used: nobody can be recognised by face."
        return LibraryResult(_rows(portraits, []), portraits.clear(), (warning,), {}, empty, 0)
    prints, together = track_prints(faceprints), covisible_tracks(faces)
    alone = faces_alone(faceprints, faces, settings.least_quality)
    sure = NamingSettings(least_score=settings.sure_score, margin=settings.sure_margin)
    pairs = [(prints[a], prints[b]) for a, b in sorted(together) if a in prints and b in prints]

    samples: Samples = given
    made = _make(samples, pairs, settings, unit)
    rounds = 0
    while rounds < settings.rounds:
        found = found_samples(
            made.bank, given, prints, alone, together, sure, most=settings.most_found, unit=unit
        )
        grown = {name: [*own, *found.get(name, [])] for name, own in given.items()}
        if _ids(grown) == _ids(samples):
            break
        samples, rounds = grown, rounds + 1
        made = _make(samples, pairs, settings, unit)
    return LibraryResult(
        _rows(portraits, list(_entries(made, samples))),
        _portraits(portraits, faceprints, samples),
        tuple(_warnings(made, samples, unit)),
        put_aside,
        made.threshold,
        rounds,
    )


@dataclass(frozen=True)
class _Made:
    """The library of one round."""

    queries: Mapping[str, Floats]
    bank: Bank
    threshold: Threshold


def _make(
    samples: Samples,
    pairs: Sequence[tuple[Floats, Floats]],
    settings: LibrarySettings,
    unit: float,
) -> _Made:
    clouds = [cloud(own) for own in samples.values()]
    if settings.paper:
        chosen = [each.mean(axis=0, keepdims=True) for each in clouds]
    else:
        chosen = choose_queries(clouds, unit=unit)
    queries = dict(zip(samples, chosen, strict=True))
    bank = Bank.of(queries, settings.prior)
    same = 1 - (_COINCIDE * unit) ** 2 / 2
    found = find_threshold(bank, clouds, pairs, settings.prior, same)
    return _Made(queries, bank.with_threshold(found.value), found)


def _ids(samples: Samples) -> dict[str, list[str]]:
    return {name: [sample.name for sample in own] for name, own in samples.items()}


def _entries(made: _Made, samples: Samples) -> Iterator[dict[str, object]]:
    """Rows of table `library`."""
    for place, (character, queries) in enumerate(made.queries.items()):
        faces = cloud(samples[character])
        nearest_query = (faces @ queries.T).argmax(axis=1)
        likeness = made.bank.similarities(queries)
        likeness[:, place] = -np.inf
        for number, query in enumerate(queries):
            own = faces[nearest_query == number]
            rival = int(likeness[number].argmax())
            alone = len(made.queries) == 1
            yield {
                "character": character,
                "query": number,
                "faces": max(len(own), 1),
                "coherence": float(np.linalg.norm(own.mean(axis=0))) if len(own) else 1.0,
                "nearest": None if alone else made.bank.characters[rival],
                "likeness": None if alone else float(likeness[number, rival]),
                "threshold": made.bank.threshold,
                "embedding": query,
            }


def _rows(portraits: pl.DataFrame, entries: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Table `library`, with embeddings as wide as those of the portraits."""
    import polars as pl

    declared = table("library")
    columns: dict[str, object] = {
        column.name: [entry[column.name] for entry in entries]
        for column in declared.columns
        if column.name not in ("source", "confidence", "embedding")
    }
    queries: Any = [entry["embedding"] for entry in entries]
    columns["embedding"] = pl.Series(queries, dtype=portraits.schema["embedding"])
    return build_frame(declared, columns, source=_SOURCE)


def _portraits(portraits: pl.DataFrame, faceprints: pl.DataFrame, samples: Samples) -> pl.DataFrame:
    """Table `portraits` with the rows that are used."""
    import polars as pl

    used = [(sample.name, name) for name, own in samples.items() for sample in own]
    wanted = pl.DataFrame(
        used, schema={"portrait": pl.String(), "character": pl.String()}, orient="row"
    )
    given = portraits.filter(pl.col("origin") == "given").join(
        wanted, on=["portrait", "character"], how="semi"
    )
    found = (
        faceprints.rename({"face": "portrait"})
        .join(wanted, on="portrait")
        .with_columns(origin=pl.lit("found"))
        .select(given.columns)
    )
    return pl.concat([given, found]).sort(
        ["character", "origin", "portrait"], descending=[False, True, False]
    )


def _warnings(made: _Made, samples: Samples, unit: float) -> Iterator[str]:
    single = [name for name, own in samples.items() if len(own) == 1]
    if single:
        yield f"Known from one picture only: {', '.join(single)}. A second one makes them surer."
    for a, b in combinations(samples, 2):
        apart = external_distance(made.queries[a], [made.queries[b]])
        if apart < _COINCIDE * unit or (_nested(a, b) and apart < unit):
            yield f"{a} and {b} have the same face. One person under two names? Then merge them."
        elif apart < _ALIKE * unit:
            yield f"{a} and {b} look much alike; some of their faces will stay without a name."
    accepted = made.threshold.genuine_accepted
    if accepted is not None and accepted < 0.5:
        yield (
            f"Only {accepted:.0%} of the portraits are recognised by the others of the same "
            "character: they are too different from each other, or too like other people."
        )


def _nested(a: str, b: str) -> bool:
    """All words of one name are in the other: Neville, Neville Longbottom."""
    first, second = set(a.casefold().split()), set(b.casefold().split())
    return first <= second or second <= first
