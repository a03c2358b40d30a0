"""How a run tells what it is doing: one interface for terminals, JSON and tests."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Recorder", "Reporter"]


class Reporter(Protocol):
    """What a run calls while it works."""

    def step(self, stage: str, done: int, total: int, unit: str) -> None:
        """Say that `done` of `total` steps of a stage are finished; `unit` is the one at hand."""

    def warn(self, message: str) -> None:
        """Say something that the user should know and that stops nothing."""


class Recorder:
    """A reporter that shows nothing and keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def step(self, stage: str, done: int, total: int, unit: str) -> None:
        """Ignore progress."""

    def warn(self, message: str) -> None:
        """Keep the warning."""
        self.warnings.append(message)
