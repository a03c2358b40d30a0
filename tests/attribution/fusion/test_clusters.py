"""Lines of one voice, and whom they are seen with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from castline.attribution.base import HELD, NOBODY
from castline.attribution.fusion import clusters as module
from castline.attribution.fusion.clusters import NO_CLUSTER, cluster_columns, voice_clusters
from castline.attribution.fusion.linkage import average_linkage, nearest_rows
from castline.attribution.fusion.rows import Rows
from castline.attribution.fusion.voice_space import adapt_voices

from .made_voices import Talk, only, silence, talk

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


def clustered(made: Talk, share: Floats) -> Indices:
    space = adapt_voices(made.voices, made.strength, share, made.length_s)
    return voice_clusters(made.episode, space.unit, share, made.length_s)


def as_groups(cluster: Indices) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(cluster == at).tolist()) for at in np.unique(cluster)}


def agreement(cluster: Indices, speaker: npt.NDArray[np.int32]) -> float:
    """Share of pairs of lines on which clusters and truth agree, both kinds counting half."""
    together = cluster[:, None] == cluster[None, :]
    same = speaker[:, None] == speaker[None, :]
    return float((together[same].mean() + (~together)[~same].mean()) / 2)


def test_each_voice_is_one_cluster_over_all_episodes_known_or_not() -> None:
    """Three of the eight are nobody of the cast: they are not thrown together."""
    made = talk(900, 8, 64, noise=0.5, episodes=4)
    found = clustered(made, made.share(5))
    for fineness in range(2):
        assert agreement(found[:, fineness], made.speaker) > 0.97


def test_fine_clusters_lie_within_coarse_ones_where_voices_are_hard_to_tell() -> None:
    made = talk(900, 20, 64, noise=1.5, episodes=4)
    coarse, fine = clustered(made, made.share(15)).T
    assert len(np.unique(fine)) > len(np.unique(coarse)) > 20
    assert len(np.unique(np.stack([coarse, fine]), axis=1).T) < 1.1 * len(np.unique(fine))


def test_whose_a_line_is_takes_no_part() -> None:
    made = talk(600, 6, 48)
    share = made.share(5)
    swapped = share[:, [3, 0, 4, 2, 1, 5]]
    space = adapt_voices(made.voices, made.strength, share, made.length_s)
    first, second = (
        voice_clusters(made.episode, space.unit, labels, made.length_s)
        for labels in (share, swapped)
    )
    for fineness in range(2):
        assert as_groups(first[:, fineness]) == as_groups(second[:, fineness])


def test_a_voice_heard_once_in_an_episode_joins_its_cluster_of_the_series() -> None:
    made = talk(300, 4, 64, noise=0.5, episodes=2)
    one = int(np.flatnonzero((made.speaker == 3) & (made.length_s > 1))[-1])
    kept = (made.speaker != 3) | (made.episode == 0)
    kept[one] = True
    made = only(made, kept)
    found = clustered(made, made.share(4))
    assert ((made.speaker == 3) & (made.episode == 1)).sum() == 1
    last = np.flatnonzero((made.speaker == 3) & (made.episode == 1))[0]
    for fineness in range(2):
        companions = made.speaker[found[:, fineness] == found[last, fineness]]
        assert len(companions) > 20
        assert (companions == 3).mean() > 0.95


def test_only_lines_without_a_voice_have_no_cluster() -> None:
    mute = np.arange(0, 400, 9)
    made = silence(talk(400, 5, 48), mute)
    found = clustered(made, made.share(5))
    assert (made.length_s < 0.7).any()
    np.testing.assert_array_equal(np.flatnonzero(found[:, 0] == NO_CLUSTER), mute)
    np.testing.assert_array_equal(np.flatnonzero(found[:, 1] == NO_CLUSTER), mute)


@pytest.mark.parametrize("limit", ["_MOST_AT_ONCE", "_MOST_CENTRES"])
def test_very_long_series_are_clustered_in_pieces(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = talk(600, 5, 64, noise=0.5, episodes=1)
    whole = clustered(made, made.share(4))
    monkeypatch.setattr(module, "_MOST_AT_ONCE", 60)
    monkeypatch.setattr(module, limit, 60)
    found = clustered(made, made.share(4))
    assert agreement(found[:, 0], made.speaker) > 0.97
    assert agreement(whole[:, 0], made.speaker) > 0.97


@pytest.mark.parametrize("lines", [1, 2, 3, 40])
@pytest.mark.parametrize("cast", [0, 1, 3])
def test_next_to_nothing_has_clusters_and_finite_columns(lines: int, cast: int) -> None:
    for made in (talk(lines, 3, 16), silence(talk(lines, 3, 16), np.arange(lines))):
        for doubt in (0.0, 1.0):
            share = made.share(cast, doubt=doubt)
            found = clustered(made, share)
            assert found.shape == (lines, 2)
            rows, nothing = Rows.of(np.ones(share.shape, bool)), np.zeros_like(share)
            columns = told(rows, found, share, nothing, nothing, made.length_s)
            for name, column in columns.items():
                assert column.dtype == np.float32, name
                assert column.shape == rows.line.shape, name
                assert np.isfinite(column).all(), name


def test_linkage_is_that_of_scipy_on_all_pairs() -> None:
    unit = talk(1500, 40, 16, noise=1.0).voices  # more rows than are multiplied at a time
    tree = linkage(pdist(unit.astype(np.float64), "cosine"), "average")
    for limit, found in zip((0.4, 0.7), average_linkage(unit, (0.4, 0.7)), strict=True):
        expected = fcluster(tree, 1 - limit, "distance")
        pairs = np.unique(np.stack([found, expected]), axis=1)
        assert pairs.shape[1] == len(np.unique(found)) == len(np.unique(expected))


def test_the_nearest_row_is_the_most_similar_and_without_rows_there_is_none() -> None:
    unit = talk(1100, 4, 8).voices
    nearest, cosine = nearest_rows(unit, unit[:7])
    np.testing.assert_array_equal(nearest, (unit @ unit[:7].T).argmax(axis=1))
    np.testing.assert_allclose(cosine, (unit @ unit[:7].T).max(axis=1), atol=1e-6)
    assert (nearest_rows(unit, unit[:0])[1] == -np.inf).all()


def told(rows: Rows, *tables: np.ndarray) -> dict[str, np.ndarray]:
    """The columns where no line has a known speaker."""
    clusters, share, largest, near, length = tables
    nobody = np.full(len(share), NOBODY, np.int32)
    columns: dict[str, np.ndarray] = cluster_columns(
        rows, clusters, share, largest, near, length, seeds=nobody
    )
    return columns


def test_columns_are_means_over_the_other_lines_of_the_cluster() -> None:
    rng = np.random.default_rng(3)
    lines, codes = 80, 4
    found = rng.integers(-1, 6, (lines, 2))
    length = rng.uniform(0.2, 4, lines).astype(np.float32)
    seeds = rng.choice([NOBODY, HELD, *range(codes - 1)], lines).astype(np.int32)
    share, largest, near = rng.dirichlet(np.ones(codes), (3, lines)).astype(np.float32)
    rows = Rows.of(rng.random((lines, codes)) < 0.6)
    rows = Rows.of(np.ones((lines, codes), bool)) if (np.diff(rows.begin) == 0).any() else rows
    columns = cluster_columns(rows, found, share, largest, near, length, seeds=seeds)
    weight = np.minimum(length, 2)
    known = np.where(seeds == HELD, codes - 1, seeds)
    for row, (line, code) in enumerate(zip(rows.line, rows.code, strict=True)):
        for fineness in range(2):
            mine = found[:, fineness] == found[line, fineness]
            mine &= found[line, fineness] >= 0
            other = mine & (np.arange(lines) != line)
            seconds = weight[other].sum() + 0.5
            for letter, told in (("L", largest), ("N", near)):
                mean = weight[other] @ told[other, code] / seconds
                lift = np.log((mean + 0.01) / (told[:, code].mean() + 0.01))
                name = f"c{fineness}_{letter}"
                assert columns[name][row] == pytest.approx(mean, abs=1e-5)
                assert columns[f"{name}l"][row] == pytest.approx(lift, abs=1e-3)
                assert columns[f"{name}x"][row] == pytest.approx(mean * max(lift, 0), abs=1e-3)
            shares = weight[other] @ share[other] / seconds
            assert columns[f"c{fineness}_P"][row] == pytest.approx(shares[code], abs=1e-5)
            assert columns[f"c{fineness}_O"][row] == pytest.approx(shares[-1], abs=1e-5)
            seeded = np.log1p((known[other] == code).sum())
            assert columns[f"c{fineness}_seed"][row] == pytest.approx(seeded, abs=1e-5)
            anybody = np.log1p((known[other] >= 0).sum())
            assert columns[f"c{fineness}_seeds"][row] == pytest.approx(anybody, abs=1e-5)
            size = np.log1p(weight[mine].sum())
            assert columns[f"c{fineness}_size"][row] == pytest.approx(size, abs=1e-5)


def test_leads_are_over_the_best_other_candidate_of_the_line() -> None:
    made = talk(120, 3, 16)
    share = made.share(3)
    rows = Rows.of(np.ones(share.shape, bool))
    columns = told(rows, clustered(made, share), share, share, share, made.length_s)
    led = [name.removesuffix("_d") for name in columns if name.endswith("_d")]
    assert sorted(led) == sorted(f"c{f}_{each}" for f in range(2) for each in led_by_fineness())
    for name in led:
        np.testing.assert_array_equal(columns[f"{name}_d"], rows.lead(columns[name]))


def led_by_fineness() -> tuple[str, ...]:
    return "L", "Lx", "N", "Nx", "P"
