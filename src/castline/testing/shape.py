"""What a synthetic series is like: the few numbers from which all of it follows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from castline.errors import UsageError
from castline.testing.scenes import People, make_people

__all__ = ["SeriesShape"]

_LINES_PER_EPISODE = 700


@dataclass(frozen=True)
class SeriesShape:
    """What a synthetic series is like. Equal shapes give equal bytes.

    Attributes:
        cast: Characters who can be named, at least 1. The first ones talk most.
        lines: Lines of the whole series.
        noise: Length of the noise against that of the voice in a line of two seconds: 0 gives all
            lines of a person one voice, at 1 a line's similarity to its speaker's mean is 0.7.
            Half a second has 1.7 times the noise. At the default, propagation of the given seeds
            gets 85 to 95 of 100 lines right.
        seed: Where the randomness starts.
        episodes: Number of episodes; one for about 700 lines when left out.
        width: Numbers in a voiceprint. Different voices are harder to tell apart in few.
        extras: Share of lines by people outside the cast, 0 to 0.9; some of them come back.
        narrator: Somebody never seen speaks now and then.
        oddities: Share of lines with several speakers, struck by the annotator, or of a speaker
            whom the annotator could not tell; 0 to 0.5.
    """

    cast: int
    lines: int
    noise: float = 0.85
    seed: int = 0
    episodes: int | None = None
    width: int = 192
    extras: float = 0.12
    narrator: bool = True
    oddities: float = 0.01

    def __post_init__(self) -> None:
        count = self.episode_count
        for wrong, problem in (
            (self.cast < 1, f"cast is {self.cast}, expected at least 1"),
            (count < 1, f"episodes is {count}, expected at least 1"),
            (self.lines < count, f"{self.lines} lines cannot fill {count} episodes"),
            (self.width < 2, f"width is {self.width}, expected at least 2"),
            (not 0 <= self.noise < math.inf, f"noise is {self.noise}, expected at least 0"),
            (self.seed < 0, f"seed is {self.seed}, expected at least 0"),
            (not 0 <= self.extras <= 0.9, f"extras is {self.extras}, expected 0 to 0.9"),
            (not 0 <= self.oddities <= 0.5, f"oddities is {self.oddities}, expected 0 to 0.5"),
        ):
            if wrong:
                raise UsageError(f"No synthetic series of this shape: {problem}.")

    @property
    def episode_count(self) -> int:
        """Number of episodes."""
        return self.episodes if self.episodes is not None else -(-self.lines // _LINES_PER_EPISODE)

    @cached_property
    def lines_of_episodes(self) -> tuple[int, ...]:
        """Lines of each episode, at least one each."""
        import numpy as np

        weights = np.random.default_rng([self.seed, 1]).uniform(0.85, 1.15, self.episode_count)
        ends = np.rint(weights.cumsum() / weights.sum() * (self.lines - self.episode_count))
        return tuple((np.diff(ends, prepend=0).astype(int) + 1).tolist())

    @cached_property
    def people(self) -> People:
        """The cast, the narrator and those who come back."""
        return make_people(self.cast, self.narrator, self.width, self.seed)
