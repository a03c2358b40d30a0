"""Cues: everything that voices, faces, words and the lines around tell about each candidate.

What needs no labels is prepared once a series; the rest follows the labels so far and is measured
again in each pass. The families of cues stand for themselves in a module each; their columns meet
here, with those about the propagation, the line and the character.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from castline.attribution.base import Attribution, Series
from castline.attribution.fusion.candidates import choose_candidates, owners
from castline.attribution.fusion.clusters import cluster_columns, voice_clusters
from castline.attribution.fusion.decoding import labels_of
from castline.attribution.fusion.faces import FaceShares, Seen, face_columns, look, seen_shares
from castline.attribution.fusion.neighbours import neighbour_columns, neighbour_votes
from castline.attribution.fusion.plda import plda_scores
from castline.attribution.fusion.references import reference_columns
from castline.attribution.fusion.relations import Ties, read_ties, relation_columns
from castline.attribution.fusion.ridge import ridge_scores
from castline.attribution.fusion.rows import Columns, Rows
from castline.attribution.fusion.trust import trust_columns
from castline.attribution.fusion.turns import turn_columns
from castline.attribution.fusion.voice_space import VoiceSpace, adapt_voices
from castline.attribution.fusion.words import Wording, clean_texts, read_wording, word_columns
from castline.attribution.series import has_voice
from castline.attribution.similarity import Workers

__all__ = ["STEPS", "Prepared", "Step", "measure_cues", "prepare"]

Floats = npt.NDArray[np.float32]
Step = Callable[[], None]

STEPS = 6
"""How often `measure_cues` says that it is a step further."""

_TELLING = ("plda", "kr", "h_max", "v1_P", "e1", "cp_plda", "krL", "ve_P")
"""Cues that are asked who is first; how many agree is a cue of its own."""


@dataclass(frozen=True)
class Prepared:
    """What is known of a series whatever its labels.

    Attributes:
        series: What a method may see.
        propagation: What label propagation found.
        seen: Faces in order of time.
        shares: Who is seen in and near each line.
        wording: What is said.
        ties: Who is related to whom.
        length_s: (N,) seconds of the lines.
        clusters: (N, 2) lines of one voice, found without labels; -1 without a voice.
    """

    series: Series
    propagation: Attribution
    seen: Seen
    shares: FaceShares
    wording: Wording
    ties: Ties
    length_s: Floats
    clusters: npt.NDArray[np.int64]


def prepare(series: Series, propagation: Attribution, share: Floats) -> Prepared:
    """Measure what stays the same in all passes.

    Args:
        series: What a method may see.
        propagation: What label propagation found.
        share: (N, C + 1) probabilities that follow from it.
    """
    with Workers(1):  # BLAS keeps to one thread: more would spin for each other on a busy machine
        return _prepare(series, propagation, share)


def _prepare(series: Series, propagation: Attribution, share: Floats) -> Prepared:
    seen = look(series)
    length_s = ((series.timeline.end_ms - series.timeline.start_ms) / 1000).astype(np.float32)
    space = adapt_voices(series.voices, _strength(series), share, length_s)
    return Prepared(
        series=series,
        propagation=propagation,
        seen=seen,
        shares=seen_shares(series, seen),
        wording=read_wording(series),
        ties=read_ties(series, clean_texts(series)),
        length_s=length_s,
        clusters=voice_clusters(series.episode, space.unit, share, length_s),
    )


def measure_cues(prepared: Prepared, share: Floats, step: Step) -> tuple[Rows, Columns]:
    """The candidates of each line and what is told about them.

    Args:
        prepared: What is known whatever the labels.
        share: (N, C + 1) probability of each of the cast and, last, of others so far. A line's own
            row takes no part in its cues.
        step: Called after each family, `STEPS` times.

    Returns:
        The rows, and columns over them.
    """
    with Workers(1):
        return _measure(prepared, share, step)


def _measure(prepared: Prepared, share: Floats, step: Step) -> tuple[Rows, Columns]:
    series, shares, length_s = prepared.series, prepared.shares, prepared.length_s
    cast = len(series.cast)
    space = adapt_voices(series.voices, _strength(series), share, length_s)
    plda = plda_scores(space, share)
    by_label, by_largest, by_near = np.split(
        ridge_scores(
            space.unit,
            np.hstack([share, shares.largest, shares.near]),
            _worth(series, space, share, length_s),
        ),
        3,
        axis=1,
    )
    step()
    votes = neighbour_votes(series, share)
    listed = choose_candidates(
        series,
        share,
        shares,
        (plda, by_label[:, :cast], by_largest[:, :cast]),
        votes,
        prepared.propagation,
    )
    rows = Rows.of(listed)
    lift_near, seen_s = _lift(by_near, shares.near), length_s @ shares.largest
    columns = _voice_columns(rows, plda, by_label, by_largest, by_near, shares, lift_near)
    columns |= trust_columns(rows, share, series.seeds, lift_near, seen_s)
    del lift_near
    columns |= _with_lead(rows, {"vote": votes[rows.line, rows.code]})
    columns["line_noise"] = space.noise[rows.line].astype(np.float32)
    columns |= reference_columns(rows, space.unit, share, length_s, seeds=series.seeds)
    step()
    columns |= face_columns(series, rows, prepared.seen)
    columns |= cluster_columns(
        rows,
        prepared.clusters,
        share,
        shares.largest,
        shares.near,
        length_s,
        seeds=series.seeds,
    )
    step()
    targets = {
        "plda": _for_others(np.clip(plda, -10, 20)),
        "kr": by_label,
        "L": shares.largest,
        "N": shares.near,
        "krL": by_largest,
    }
    columns |= neighbour_columns(series, rows, space.unit, share, targets, length_s, space.noise)
    del targets, plda, by_label, by_largest, by_near, votes  # as large as a third of the columns
    step()
    columns |= turn_columns(series, rows, space.unit, share)
    columns |= word_columns(series, rows, share, prepared.wording)
    columns |= relation_columns(series, rows, share, prepared.ties)
    step()
    columns |= _usual_columns(series, rows, share, length_s)
    columns["r_seen"] = np.log1p(seen_s)[rows.code]
    seconds = np.maximum(columns["line_s"], 0.2)
    columns["line_cps"] = (columns["line_chars"] / seconds).astype(np.float32)
    columns |= _propagation_columns(rows, prepared.propagation, cast)
    leads = [columns[name] >= rows.best(columns[name])[rows.line] for name in _TELLING]
    columns["agree"] = np.sum(leads, axis=0, dtype=np.float32)
    step()
    return rows, columns


def _strength(series: Series) -> Floats:
    """(N,) norms of the voiceprints as they were measured; 1 where nobody knows."""
    return np.ones(len(series.lines), np.float32) if series.strength is None else series.strength


def _worth(series: Series, space: VoiceSpace, share: Floats, length_s: Floats) -> Floats:
    """(N,) how much each line counts when voices are learnt from labels."""
    heard = has_voice(series.voices)
    worth = share.max(1) ** 2 * np.minimum(length_s, 4.0) / space.noise
    return np.where(heard, worth, 0).astype(np.float32)


def _for_others(values: Floats) -> Floats:
    """(N, C) values with a column of zeros for others, who are the background of all odds."""
    return np.hstack([values, np.zeros((len(values), 1), np.float32)])


def _with_lead(rows: Rows, columns: Columns) -> Columns:
    """The columns, and each less the best other candidate of the line."""
    return columns | {f"{name}_d": rows.lead(column) for name, column in columns.items()}


def _voice_columns(
    rows: Rows,
    plda: Floats,
    by_label: Floats,
    by_largest: Floats,
    by_near: Floats,
    shares: FaceShares,
    lift_near: Floats,
) -> Columns:
    """What the whole series tells of a voice: by its labels, and by the faces it is heard with."""
    line, code = rows.line, rows.code
    cast = plda.shape[1]
    odds = np.exp(plda - plda.max(1, keepdims=True))
    leading = {
        "plda": _for_others(plda)[line, code],
        "kr": by_label[line, code],
        "krL": by_largest[line, code],
        "krN": by_near[line, code],
        "plda_c": _for_others(_scaled_by_column(plda))[line, code],
        "kr_c": _scaled_by_column(by_label)[line, code],
    }
    off = plda - plda.mean(1, keepdims=True)
    return _with_lead(rows, leading) | {
        "plda_z": _for_others(off / (plda.std(1, keepdims=True) + 1e-6))[line, code],
        "plda_p": _for_others(odds / odds.sum(1, keepdims=True))[line, code],
        "plda_top": plda.max(1)[line],
        "krL_lift": _lift(by_largest, shares.largest)[line, code],
        "krN_lift": lift_near[line, code],
        "krL_c": _scaled_by_column(by_largest)[line, code],
        "krN_c": _scaled_by_column(by_near)[line, code],
        "kr_top": by_label[:, :cast].max(1)[line],
        "kr_others": by_label[:, cast][line],
    }


def _scaled_by_column(values: Floats) -> Floats:
    """Score normalisation over the series: each character's scores with mean 0, deviation 1."""
    scaled: Floats = (values - values.mean(0)) / (values.std(0) + np.float32(1e-3))
    return scaled


def _lift(expected: Floats, seen: Floats) -> Floats:
    """Log of how much more often a face is seen with this voice than at all."""
    usual = seen.mean(0) + 1e-4
    lift: Floats = np.log((np.maximum(expected, 0) + 1e-3) / (usual + 1e-3)).astype(np.float32)
    return lift


def _usual_columns(series: Series, rows: Rows, share: Floats, length_s: Floats) -> Columns:
    """How much each one speaks in the series and the episode, and what line it is."""
    line, code = rows.line, rows.code
    n, width = share.shape
    total = share.sum(0)
    seeds = np.bincount(series.seeds[series.seeds >= 0], minlength=width).astype(np.float32)
    by_episode = np.zeros((int(series.episode.max(initial=0)) + 1, width), np.float32)
    np.add.at(by_episode, series.episode, share)
    by_episode /= np.maximum(by_episode.sum(1, keepdims=True), 1)
    columns = {
        "r_share": (total / n)[code],
        "r_count": np.log1p(total)[code],
        "r_seed": (seeds / max(seeds.sum(), 1))[code],
        "r_seeds": seeds[code],
        "r_episode": by_episode[series.episode[line], code],
        "line_s": length_s[line],
        "line_strength": _strength(series)[line],
        "line_n": np.diff(rows.begin)[line],
        "is_others": code == width - 1,
        "is_everywhere": np.append(series.everywhere, False)[code],
    }
    return {name: column.astype(np.float32) for name, column in columns.items()}


def _propagation_columns(rows: Rows, found: Attribution, cast: int) -> Columns:
    """What label propagation said of the line."""
    line, code = rows.line, rows.code
    score = np.full((len(found.code), cast + 1), -1, np.float32)
    inside = (found.candidate >= 0) & (found.candidate < cast)
    score[owners(found)[inside], found.candidate[inside]] = found.score[inside]
    new = found.code >= cast
    label = labels_of(found.code, cast)
    sizes = np.bincount(np.where(new, found.code - cast, 0), weights=new)
    lines_of_voice = np.where(new, np.log1p(sizes[np.where(new, found.code - cast, 0)]), 0)
    columns = {
        "prop_is": label[line] == code,
        "prop_others": (label == cast)[line],
        "prop_new": lines_of_voice[line],
        "prop_listed": np.diff(found.offsets)[line],
    }
    told: Columns = {name: column.astype(np.float32) for name, column in columns.items()}
    return told | _with_lead(rows, {"prop_score": score[line, code]})
