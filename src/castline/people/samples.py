"""Which faces stand for a character: given portraits first, then faces that were found.

One face a picture, no two that are nearly the same, none that is rather somebody else's. Distances
are shares of the distance at which two faces are just the same person (`unit`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from castline.people.bank import Bank
from castline.people.naming import NamingSettings, Track, assign, track_scores
from castline.people.queries import normalised

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Sample", "Samples", "cloud", "faces_alone", "found_samples", "given_samples"]

Floats = npt.NDArray[np.float32]

_DUPLICATE = 0.1
"""Two faces nearer than this show the same moment."""
_OUTLIER = 0.1
"""A portrait nearer by this to somebody else than to its own character is put aside."""
_FACES_A_TRACK = 2


@dataclass(frozen=True)
class Sample:
    """One face that stands for a character: its id, (d,) unit embedding, and whether given."""

    name: str
    embedding: Floats
    given: bool


Samples = Mapping[str, Sequence[Sample]]
"""The faces of each character."""


def cloud(samples: Sequence[Sample]) -> Floats:
    """(n, d) embeddings."""
    return np.stack([sample.embedding for sample in samples])


def given_samples(
    portraits: pl.DataFrame, unit: float
) -> tuple[dict[str, list[Sample]], dict[str, str]]:
    """The given portraits that can be used, best first, and why the others cannot.

    Args:
        portraits: Table `portraits`; rows with another origin are left out.
        unit: Distance at which two faces are just the same person.
    """
    import polars as pl

    put_aside: dict[str, str] = {}
    kept: dict[str, list[Sample]] = {}
    rows = portraits.filter(pl.col("origin") == "given").sort(
        ["character", "quality", "portrait"], descending=[False, True, False]
    )
    for name, character, embedding in zip(
        rows["portrait"], rows["character"], rows["embedding"].to_numpy(), strict=True
    ):
        own = kept.setdefault(character, [])
        twin = _twin(embedding, own, unit)
        if twin:
            put_aside[name] = f"the same picture as {twin}"
        else:
            own.append(Sample(name, embedding, given=True))
    for character, name, other in _misplaced(kept, unit):
        put_aside[name] = f"looks like {other}, not like the other portraits of {character}"
        kept[character] = [sample for sample in kept[character] if sample.name != name]
    return kept, put_aside


def _twin(embedding: Floats, samples: Sequence[Sample], unit: float) -> str | None:
    """The first sample that shows nearly the same."""
    near = (s.name for s in samples if np.linalg.norm(s.embedding - embedding) < _DUPLICATE * unit)
    return next(near, None)


def _misplaced(samples: Samples, unit: float) -> list[tuple[str, str, str]]:
    """(character, portrait, whom it looks like), judged without the portrait itself."""
    found: list[tuple[str, str, str]] = []
    centres = {k: normalised(cloud(v).mean(axis=0, dtype=np.float64)) for k, v in samples.items()}
    for character, own in samples.items():
        others = [name for name in centres if name != character]
        if len(own) < 2 or not others:
            continue
        faces = cloud(own).astype(np.float64)
        rest = normalised(faces.sum(axis=0) - faces)
        to_own = np.linalg.norm(faces - rest, axis=1)
        to_others = np.linalg.norm(faces[:, None] - np.stack([centres[k] for k in others]), axis=2)
        wrong = np.flatnonzero(to_others.min(axis=1) + _OUTLIER * unit < to_own).tolist()
        # If all of them are wrong, nothing says which character it should be.
        if len(wrong) < len(own):
            found += [(character, own[i].name, others[to_others[i].argmin()]) for i in wrong]
    return found


def faces_alone(
    faceprints: pl.DataFrame, faces: pl.DataFrame, least_quality: float
) -> dict[Track, list[Sample]]:
    """The best faces of each track that are alone in their frame and worth asking.

    Beside another face a detector may cut out the wrong one; alone it cannot.
    """
    import polars as pl

    single = faces.filter(pl.len().over("episode", "start_ms") == 1).select("face")
    rows = (
        faceprints.join(single, on="face", how="semi")
        .filter(pl.col("quality") >= least_quality)
        .sort(["episode", "track", "quality", "face"], descending=[False, False, True, False])
        .group_by("episode", "track", maintain_order=True)
        .head(_FACES_A_TRACK)
    )
    found: dict[Track, list[Sample]] = {}
    for episode, track, face, embedding in zip(
        rows["episode"], rows["track"], rows["face"], rows["embedding"].to_numpy(), strict=True
    ):
        found.setdefault((episode, track), []).append(Sample(face, embedding, given=False))
    return found


def found_samples(
    bank: Bank,
    given: Samples,
    prints: Mapping[Track, Floats],
    alone: Mapping[Track, Sequence[Sample]],
    together: set[tuple[Track, Track]],
    sure: NamingSettings,
    *,
    most: int,
    unit: float,
) -> dict[str, list[Sample]]:
    """Faces of tracks that are surely a character.

    The library as it is must be sure of the track, and the given portraits alone must agree on who
    is nearest: found faces may widen a character, not move it onto somebody else.

    Args:
        bank: The library as it is.
        given: The given portraits.
        prints: (n, d) embeddings of each track.
        alone: The faces of each track that may join.
        together: Pairs of tracks that are seen at one moment.
        sure: What "surely" means.
        most: Faces that a character may gain.
        unit: Distance at which two faces are just the same person.
    """
    if not prints:
        return {}
    named = assign(track_scores(bank, prints), together, sure)
    portraits = Bank.of({name: cloud(given[name]) for name in bank.characters}, bank.threshold)
    nearest = track_scores(portraits, prints)
    first = dict(zip(nearest.tracks, nearest.common.argmax(axis=1), strict=True))
    found: dict[str, list[Sample]] = {}
    # The best face of every track comes before the second best of any.
    for rank in range(_FACES_A_TRACK):
        for track, character in sorted(named.items()):
            faces = alone.get(track, ())
            own = found.setdefault(bank.characters[character], [])
            if rank >= len(faces) or first[track] != character or len(own) >= most:
                continue
            known = [*given[bank.characters[character]], *own]
            if _twin(faces[rank].embedding, known, unit) is None:
                own.append(faces[rank])
    return {name: samples for name, samples in found.items() if samples}
