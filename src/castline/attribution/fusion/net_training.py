"""Small networks that learn the choice among the candidates of a line.

The loss is the cross entropy between a softmax over the scores of a line's rows and the truth, as
in a conditional logit; the networks are perceptrons with dropout (Srivastava et al. 2014), taught
by Adam (Kingma and Ba 2015) at a rate that falls like a cosine. Each line is learnt from without
some of its cues, drawn anew each time, since what few series teach of single cues does not hold in
others. There is so little to it that NumPy does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from castline.attribution.fusion.choices import Choices, join_begins
from castline.attribution.fusion.ranker import softmax_by_line
from castline.attribution.fusion.ranker_graph import FARTHEST, Layer

__all__ = ["NetSettings", "train_net"]

Floats = npt.NDArray[np.float32]
Offsets = npt.NDArray[np.int64]

_FADING, _FADING_SQUARE, _STEADY = 0.9, 0.999, 1e-8
"""Constants of Adam, as published."""


@dataclass(frozen=True)
class NetSettings:
    """How the networks are made.

    Attributes:
        hidden: Widths of the layers between features and score.
        epochs: How often every line is seen.
        least_steps: Steps at least, where there are few lines: then they are seen more often.
        lines_a_step: Lines a step learns from.
        rate: Of learning, at the beginning; 0 at the end.
        dropout: Share of a layer's outputs that are left out in a step, 0 to below 1.
        blind: Share of the features that are taken as usual in a step, drawn for each line and the
            same for all its candidates, 0 to below 1.
        decay: Pull of every weight towards 0.
        seeds: One network for each; their scores are averaged.
    """

    hidden: tuple[int, ...] = (192, 64)
    epochs: int = 24
    least_steps: int = 400
    lines_a_step: int = 1024
    rate: float = 2e-3
    dropout: float = 0.2
    blind: float = 0.2
    decay: float = 1e-5
    seeds: tuple[int, ...] = (1, 2)


def train_net(parts: Sequence[Choices], settings: NetSettings, seed: int) -> list[Layer]:
    """Train one network; the same lines, settings and seed give the same weights on one machine.

    Args:
        parts: What to learn from.
        settings: How; `seeds` is for the caller, who trains a network for each.
        seed: Of first weights, dropout and order.
    """
    lines = sum(len(part.weight) for part in parts)
    generator = np.random.default_rng(seed)
    width = parts[0].features.shape[1]
    net = _Net.drawn((width, *settings.hidden, 1), settings, generator)
    steps_an_epoch = -(-lines // settings.lines_a_step)
    epochs = max(settings.epochs, -(-settings.least_steps // max(steps_an_epoch, 1)))
    step, steps = 0, epochs * steps_an_epoch
    for _ in range(epochs if lines else 0):
        for batch in _batches(parts, settings.lines_a_step, generator):
            net.learn(batch, settings.rate * 0.5 * (1 + np.cos(np.pi * step / steps)))
            step += 1
    return net.layers


@dataclass(frozen=True)
class _Batch:
    """Some lines: rows as deviations from the usual, (r, F), and otherwise as `Choices`."""

    seen: Floats
    begin: Offsets
    truth: Floats
    weight: Floats


def _batches(
    parts: Sequence[Choices], size: int, generator: np.random.Generator
) -> Iterator[_Batch]:
    """All lines of all parts once, in an order that is drawn."""
    part = np.repeat(np.arange(len(parts)), [len(each.weight) for each in parts])
    line = np.concatenate([np.arange(len(each.weight)) for each in parts])
    order = generator.permutation(len(line))
    for start in range(0, len(order), size):
        drawn = order[start : start + size]
        pieces = [
            _taken(parts[number], np.sort(line[drawn[part[drawn] == number]]))
            for number in np.unique(part[drawn])
        ]
        yield _Batch(
            np.concatenate([each.seen for each in pieces]),
            join_begins([each.begin for each in pieces]),
            np.concatenate([each.truth for each in pieces]),
            np.concatenate([each.weight for each in pieces]),
        )


def _taken(choices: Choices, lines: npt.NDArray[np.int64]) -> _Batch:
    count = np.diff(choices.begin)[lines]
    begin = np.concatenate([[0], np.cumsum(count)])
    rows = np.arange(begin[-1]) + np.repeat(choices.begin[lines] - begin[:-1], count)
    seen = (choices.features[rows] - choices.usual.mean) / choices.usual.spread
    np.clip(seen, -FARTHEST, FARTHEST, out=seen)
    return _Batch(seen, begin, choices.truth[rows], choices.weight[lines])


@dataclass
class _Net:
    """A perceptron while it learns.

    Attributes:
        layers: Weights and offsets.
        moments: First and second moment of the gradient of each of these, and steps so far.
    """

    layers: list[Layer]
    settings: NetSettings
    generator: np.random.Generator
    moments: list[tuple[Floats, Floats]]
    steps: int = 0

    @classmethod
    def drawn(
        cls, widths: Sequence[int], settings: NetSettings, generator: np.random.Generator
    ) -> _Net:
        """Weights drawn as He et al. (2015) have it; the score begins small."""
        layers: list[Layer] = []
        for depth, (inputs, outputs) in enumerate(pairwise(widths)):
            scale = np.sqrt(2 / inputs) * (0.1 if depth == len(widths) - 2 else 1)
            weights = (generator.standard_normal((inputs, outputs)) * scale).astype(np.float32)
            layers.append((weights, np.zeros(outputs, np.float32)))
        zeros = [(np.zeros_like(each), np.zeros_like(each)) for layer in layers for each in layer]
        return cls(layers, settings, generator, zeros)

    def learn(self, batch: _Batch, rate: float) -> None:
        """One step down the loss of a batch."""
        values, kept = self._forward(self._partly_blind(batch))
        share = softmax_by_line(values[-1][:, 0], batch.begin).astype(np.float32)
        weight = np.repeat(batch.weight, np.diff(batch.begin))
        slope = ((share - batch.truth) * weight)[:, None] / np.float32(len(batch.weight))
        self._step(self._backward(slope.astype(np.float32), values, kept), rate)

    def _partly_blind(self, batch: _Batch) -> Floats:
        """The rows of a batch, where some features of each line are as usual."""
        lines, features = len(batch.weight), batch.seen.shape[1]
        drawn = self.generator.random((lines, features), dtype=np.float32)
        kept = (drawn >= np.float32(self.settings.blind)).astype(np.float32)
        seen: Floats = batch.seen * np.repeat(kept, np.diff(batch.begin), axis=0)
        return seen

    def _forward(self, seen: Floats) -> tuple[list[Floats], list[Floats]]:
        """What comes into and out of each layer, and which outputs are kept, by how much."""
        values, kept = [seen], []
        share = np.float32(1 - self.settings.dropout)
        for depth, (weights, offsets) in enumerate(self.layers):
            value = values[-1] @ weights + offsets
            if depth < len(self.layers) - 1:
                drawn = self.generator.random(value.shape, dtype=np.float32) < share
                kept.append((drawn & (value > 0)).astype(np.float32) / share)
                value *= kept[-1]
            values.append(value)
        return values, kept

    def _backward(self, slope: Floats, values: list[Floats], kept: list[Floats]) -> list[Floats]:
        """Gradient by weights and offsets of each layer, the first layer first."""
        found: list[Floats] = []
        decay = np.float32(self.settings.decay)
        for depth in range(len(self.layers) - 1, -1, -1):
            weights = self.layers[depth][0]
            found += [slope.sum(axis=0), values[depth].T @ slope + decay * weights]
            if depth:
                slope = (slope @ weights.T) * kept[depth - 1]
        return found[::-1]

    def _step(self, gradient: list[Floats], rate: float) -> None:
        self.steps += 1
        first = np.float32(rate / (1 - _FADING**self.steps))
        second = np.float32(1 / (1 - _FADING_SQUARE**self.steps))
        taught = [each for layer in self.layers for each in layer]
        for values, slope, (mean, square) in zip(taught, gradient, self.moments, strict=True):
            mean += np.float32(1 - _FADING) * (slope - mean)
            square += np.float32(1 - _FADING_SQUARE) * (slope**2 - square)
            values -= first * mean / (np.sqrt(second * square) + np.float32(_STEADY))
