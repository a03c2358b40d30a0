"""Endpoints from the command line, and the word about what leaves this machine."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from castline.cli.output import clean

if TYPE_CHECKING:
    from castline.agents.endpoints import Endpoint
    from castline.project import Project

__all__ = ["BudgetCost", "BudgetTokens", "Endpoints", "opened"]

Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        help="A model: NAME of [endpoints.NAME] in castline.toml, https://HOST/v1#MODEL, or "
        "scripted:NAME[=FILE] for a trial without one. Several are asked in rotation.",
    ),
]
"""The option of every command that asks models."""
BudgetTokens = Annotated[
    int | None, typer.Option(min=0, help="Tokens that models may use [any number].")
]
BudgetCost = Annotated[
    float | None,
    typer.Option(min=0, help="Money that may be spent, by the prices in castline.toml [any]."),
]


@contextlib.contextmanager
def opened(words: Sequence[str] | None, project: Project, what: str) -> Iterator[list[Endpoint]]:
    """The endpoints that words stand for; scripted servers run while the context is open.

    Says on stderr what leaves this machine and where to, before anything does.

    Args:
        words: As given to `--endpoint`; none gives no endpoint.
        project: Whose `castline.toml` names endpoints.
        what: What is sent: "30 lines of subtitles around each doubtful line".

    Raises:
        UsageError: A word stands for no endpoint.
        SettingsError: An endpoint of `castline.toml` is wrong.
    """
    from castline.agents.endpoints import SCRIPTED, endpoint_of, notice

    with contextlib.ExitStack() as servers:
        endpoints = []
        for word in words or []:
            if word.startswith(SCRIPTED):
                from castline.testing.scripted import start_scripted

                endpoints.append(servers.enter_context(start_scripted(word)))
            else:
                endpoints.append(endpoint_of(word, project.settings))
        if said := notice(endpoints, what):
            print(clean(said), file=sys.stderr)
        yield endpoints
