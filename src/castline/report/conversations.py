"""Conversations with a model as pages: an index of the lines it was asked about, and what was said.

The index is one page that can be filtered; the conversations lie in pages beside it, each of a size
that opens at once, however many there are. Traces are read one after the other.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from castline._version import __version__
from castline.agents.traces import read_traces, trace_file
from castline.files import storage_errors, write_atomically
from castline.report.conversation_index import Entry, render_index
from castline.report.exchange import Exchange, exchange
from castline.report.judged import Judgements
from castline.report.pages import environment

if TYPE_CHECKING:
    from castline.agents.traces import Trace
    from castline.project import Project

__all__ = ["INDEX", "judged_variants", "write_conversations"]

INDEX = "index.html"
"""File that the others are reached from."""

_PAGE_BYTES = 2_000_000
_PAGE_MOST = 200
"""A page of conversations is full with so many bytes, or so many of them."""
_TRIAL = "probe"
"""The task that tries the model; those of the passes are called by their number."""


def judged_variants(project: Project) -> list[str]:
    """The labels of which conversations are there."""
    return [each for each in project.store.variants("labels") if _files(project, each)]


def write_conversations(project: Project, variant: str, folder: Path) -> Path | None:
    """Write the pages of the conversations about the lines of a series.

    Args:
        project: The series.
        variant: Labels that a model made, METHOD-PROTOCOL.
        folder: Where the pages go; older ones of the same names give way.

    Returns:
        The index; None when there is no conversation.

    Raises:
        InputError: A file of traces is broken.
        StorageError: The disk refused.
    """
    files = _files(project, variant)
    lines = {trace.id for path in files.values() for trace in read_traces(path)}
    if not lines:
        return None
    pages = _Pages(project, variant, folder, Judgements(project, variant, lines))
    for turn, path in files.items():
        for trace in read_traces(path):
            pages.add(turn, trace)
    return pages.close()


class _Pages:
    """Pages in the making: a page of conversations in memory, and what the index is to show."""

    def __init__(
        self, project: Project, variant: str, folder: Path, judgements: Judgements
    ) -> None:
        self._folder = folder
        self._judgements = judgements
        self._facts = {"series": project.name, "variant": variant, "version": __version__}
        self._templates = environment()
        self._article = self._templates.get_template("conversation.html.j2")
        self._entries: list[Entry] = []
        self._systems: dict[str, str] = {}
        self._articles: list[str] = []
        self._bytes = 0
        self._written = 0

    def add(self, turn: int, trace: Trace) -> None:
        """Add a conversation."""
        if self._bytes >= _PAGE_BYTES or len(self._articles) >= _PAGE_MOST:
            self._finish(last=False)
        judged = self._judgements.of(trace.id)
        talk = exchange(trace)
        entry = Entry(
            judged=judged,
            turn=turn,
            answer=_spelled(trace.answer),
            ended=trace.fault or trace.status,
            replies=len(trace.turns),
            tokens=trace.tokens,
            seconds=trace.seconds,
            page=_file(self._written),
            anchor=f"c{len(self._entries)}",
        )
        system = self._system(talk)
        article = self._article.render(entry=entry, talk=talk, trace=trace, system=system)
        self._entries.append(entry)
        self._articles.append(article)
        self._bytes += len(article.encode())

    def close(self) -> Path:
        """Write the last page and the index, and remove pages of an earlier run."""
        if self._articles:
            self._finish(last=True)
        shown = sorted(
            self._entries,
            key=lambda e: (self._judgements.place(e.judged.line), e.judged.line, e.turn),
        )
        index = self._folder / INDEX
        write_atomically(index, render_index(shown, self._facts).encode())
        with storage_errors(self._folder, "remove pages of an earlier run"):
            for path in self._folder.glob("*.html"):
                if re.fullmatch(r"\d{3,}", path.stem) and int(path.stem) > self._written:
                    path.unlink()
        return index

    def _system(self, talk: Exchange) -> str:
        """Where on the page the instructions stand: most conversations share them."""
        known = self._systems.get(talk.system)
        if known is None:
            known = self._systems[talk.system] = f"i{len(self._systems)}"
            self._bytes += len(talk.system.encode(errors="replace"))
        return known

    def _finish(self, *, last: bool) -> None:
        page = self._templates.get_template("conversations-page.html.j2").render(
            **self._facts,
            number=self._written + 1,
            articles=[Markup(each) for each in self._articles],
            systems={name: text for text, name in self._systems.items() if text},
            before=_file(self._written - 1) if self._written else "",
            after="" if last else _file(self._written + 1),
            index=INDEX,
        )
        write_atomically(self._folder / _file(self._written), page.encode())
        self._written += 1
        self._articles, self._systems, self._bytes = [], {}, 0


def _files(project: Project, variant: str) -> dict[int, Path]:
    """Traces of a variant by the pass; 0 is what tries the model."""
    begin = trace_file(project.folder / "traces", f"{variant}-")
    found: dict[int, Path] = {}
    for path in begin.parent.glob(f"*{begin.suffix}"):
        word = path.stem.removeprefix(begin.stem)
        if path.stem.startswith(begin.stem) and re.fullmatch(rf"[1-9]\d{{0,5}}|{_TRIAL}", word):
            found[0 if word == _TRIAL else int(word)] = path
    return dict(sorted(found.items()))


def _file(place: int) -> str:
    return f"{place + 1:03}.html"


def _spelled(answer: Any) -> str:
    if answer is None:
        return ""
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
