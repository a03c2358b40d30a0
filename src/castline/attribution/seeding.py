"""Seeds as a stage: given by the published rule from the truth, or found without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from castline.attribution.base import NOBODY
from castline.attribution.inputs import active_edits, input_digests
from castline.attribution.series import PROTOCOLS, Protocol, load_series
from castline.errors import RunError
from castline.pipeline.progress import Recorder
from castline.pipeline.run import RunSummary, run_units
from castline.pipeline.stage import Output, Unit
from castline.tables.catalog import GIVEN, NARRATOR, OTHERS, table
from castline.tables.edits import EditLog
from castline.tables.schema import build_frame

if TYPE_CHECKING:
    import polars as pl

    from castline.attribution.mouths import MouthParams
    from castline.pipeline.progress import Reporter
    from castline.project import Project

__all__ = ["cluster_seeds_unit", "give_seeds"]


def give_seeds(
    project: Project, *, reporter: Reporter | None = None, dry_run: bool = False
) -> RunSummary:
    """Make the given seeds of a series with truth by the published 1 % rule.

    For series that come without a seeds file: the tightest cluster of 1 % of each character's own
    lines. This is the one place besides evaluation that reads the truth.

    Raises:
        TableError: A table that is needed is missing.
    """
    from castline.attribution import tight_seeds

    output = Output("seeds", variant=GIVEN)
    episodes = project.episodes()
    truth = {f"truth/{each}": project.store.manifest("truth", each) for each in episodes}

    def make(_reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        yield output, _tight_seeds(project, episodes)

    unit = Unit(
        stage="tight-seeds",
        version=tight_seeds.VERSION,
        name="series",
        outputs=(output,),
        inputs={**input_digests(project), **{k: m.digest for k, m in truth.items() if m}},
        make=make,
    )
    with project.lock():
        summary = run_units(project.store, [unit], reporter or Recorder(), total=1, dry_run=dry_run)
    if summary.failures:
        raise RunError(summary.failures)
    return summary


def _tight_seeds(project: Project, episodes: list[str]) -> pl.DataFrame:
    import polars as pl

    from castline.attribution.tight_seeds import find_tight_seeds

    series = load_series(project.store, episodes, PROTOCOLS["library"], {}, with_seeds=False)
    truth = pl.concat([project.store.read("truth", each) for each in episodes])
    cast = project.store.read("cast")
    known = cast.filter((pl.col("faces") > 0) | (pl.col("kind") == NARRATOR))["character"]
    counted = truth.filter(~pl.col("deleted") & pl.col("speaker").is_in(known.to_list()))
    # Most lines first, then first appearance: the order of the released seeds files.
    names = (
        counted.group_by("speaker", maintain_order=True)
        .len()
        .sort("len", descending=True, maintain_order=True)["speaker"]
        .to_list()
    )
    code = {name: number for number, name in enumerate(names)}
    speaker = np.array(
        [
            code.get(name, NOBODY) if not deleted else NOBODY
            for name, deleted in truth.select("speaker", "deleted").iter_rows()
        ],
        np.int32,
    )
    found = find_tight_seeds(series.voices, speaker, len(names))
    rows = np.flatnonzero(found >= 0)
    rows = rows[np.argsort(found[rows], kind="stable")]
    columns = {
        "line": [series.lines[row] for row in rows],
        "episode": [episodes[series.episode[row]] for row in rows],
        "character": [names[found[row]] for row in rows],
    }
    return build_frame(table("seeds"), columns, origin=GIVEN, source="tight-seeds")


def cluster_seeds_unit(
    project: Project, protocol: Protocol, parameters: Any, mouths: MouthParams
) -> Unit:
    """The unit that finds seeds from faces and voices alone, and from people's edits.

    Where mouths were measured they decide line by line; elsewhere clusters of voices do.

    Args:
        project: The series.
        protocol: Which variant of the seeds is made.
        parameters: Constants of the clusters.
        mouths: Constants of the mouths.
    """
    from castline.attribution.cluster_seeds import VERSION, find_cluster_seeds
    from castline.attribution.mouths import VERSION as MOUTHS_VERSION
    from castline.attribution.mouths import find_mouth_seeds

    output = Output("seeds", variant=protocol.seeds)

    def make(reporter: Reporter) -> Iterator[tuple[Output, pl.DataFrame]]:
        series = load_series(
            project.store,
            project.episodes(),
            protocol,
            active_edits(project, reporter),
            with_seeds=False,
        )
        if series.mouths is not None:
            codes = find_mouth_seeds(series, mouths)
        else:
            codes = find_cluster_seeds(series, parameters)
        found = np.flatnonzero((codes != NOBODY) & (series.seeds == NOBODY))
        names = [*series.cast, OTHERS]
        without = [
            name
            for code, name in enumerate(series.cast)
            if not (codes == code).any() and (series.faces.character == code).any()
        ]
        if without:
            reporter.warn(
                f"no voice was found for {len(without)} of {len(series.cast)} characters: "
                + ", ".join(without[:8])
                + (", …" if len(without) > 8 else "")
            )
        episodes = project.episodes()
        columns = {
            "line": [series.lines[row] for row in found],
            "episode": [episodes[series.episode[row]] for row in found],
            "character": [names[max(codes[row], -1)] for row in found],
        }
        yield output, build_frame(table("seeds"), columns, origin="cluster", source="cluster-seeds")

    return Unit(
        stage="cluster-seeds",
        version=VERSION,
        name="series",
        outputs=(output,),
        inputs={**input_digests(project), "edits": EditLog(project.database).digest()},
        parameters={**dataclasses.asdict(parameters), "mouths": f"{MOUTHS_VERSION}: {mouths}"},
        make=make,
    )
