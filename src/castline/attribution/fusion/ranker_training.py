"""Trains a ranker: forests of boosted trees and small networks, whose scores are averaged.

They err in different places: on series left out of training their mean did better than either.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from castline.attribution.fusion.choices import Choices, check_choices
from castline.attribution.fusion.net_training import NetSettings, train_net
from castline.attribution.fusion.ranker import Ranker
from castline.attribution.fusion.ranker_graph import ranker_graph
from castline.attribution.fusion.tree_training import TreeSettings, train_trees
from castline.attribution.fusion.usual import Usual
from castline.attribution.similarity import Workers

__all__ = ["RankerSettings", "Task", "train_ranker", "train_rankers"]


@dataclass(frozen=True)
class RankerSettings:
    """How a ranker is trained.

    Attributes:
        trees: How forests are grown.
        nets: How networks are taught.
    """

    trees: TreeSettings = field(default_factory=TreeSettings)
    nets: NetSettings = field(default_factory=NetSettings)

    def brief(self, *, rounds: int | None = None, epochs: int | None = None) -> RankerSettings:
        """One forest and one network instead of several, of fewer rounds and epochs if given."""
        trees, nets = self.trees, self.nets
        return RankerSettings(
            dataclasses.replace(
                trees, seeds=trees.seeds[:1], rounds=min(trees.rounds, rounds or trees.rounds)
            ),
            dataclasses.replace(
                nets, seeds=nets.seeds[:1], epochs=min(nets.epochs, epochs or nets.epochs)
            ),
        )


@dataclass(frozen=True)
class Task:
    """A ranker to be trained.

    Attributes:
        parts: What to learn from.
        settings: How.
    """

    parts: Sequence[Choices] = field(repr=False)
    settings: RankerSettings


def train_ranker(
    parts: Sequence[Choices],
    names: Sequence[str],
    settings: RankerSettings | None = None,
    *,
    threads: int = 1,
) -> Ranker:
    """Train one ranker. See `train_rankers`."""
    return train_rankers([Task(parts, settings or RankerSettings())], names, threads=threads)[0]


def train_rankers(tasks: Sequence[Task], names: Sequence[str], *, threads: int = 1) -> list[Ranker]:
    """Train rankers; the same lines and settings give the same bytes on one machine.

    Args:
        tasks: One for each.
        names: (F,) of the features.
        threads: Of the processor. The rankers are the same.

    Raises:
        MissingExtra: LightGBM is not installed, or lacks a library of the system.
        ValueError: A feature is not finite, or the parts of the choices do not fit one another.
    """
    for task in tasks:
        for part in task.parts:
            check_choices(part, len(names))
    forests = [train_trees(task.parts, task.settings.trees, threads=threads) for task in tasks]
    lots = [(task, seed) for task in tasks for seed in task.settings.nets.seeds]
    # One thread of BLAS each: the order in which it adds up must not depend on how many there are.
    with Workers(1), ThreadPoolExecutor(max(1, threads)) as pool:
        taught = pool.map(lambda lot: train_net(lot[0].parts, lot[0].settings.nets, lot[1]), lots)
        nets = iter(list(taught))
    rankers = []
    for task, trees in zip(tasks, forests, strict=True):
        usual = Usual.between([part.usual for part in task.parts])
        layers = [next(nets) for _ in task.settings.nets.seeds]
        rankers.append(Ranker(ranker_graph(trees, layers, names, usual)))
    return rankers
