"""What leaves: lines with their speakers, one file an episode, in any format that is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from castline.errors import UsageError
from castline.files import remove_scraps, safe_name, storage_errors
from castline.pipeline.progress import Recorder
from castline.tables.catalog import UNKNOWN

if TYPE_CHECKING:
    import polars as pl

    from castline.pipeline.progress import Reporter
    from castline.project import Project
    from castline.subtitles.base import Document

__all__ = ["document_of", "export"]


def export(
    project: Project,
    *,
    format: str,
    to: Path | str,
    method: str | None = None,
    protocol: str | None = None,
    options: Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
) -> list[Path]:
    """Write every episode as `TO/<episode>.<suffix>`, with people's edits laid over the labels.

    Args:
        project: The series.
        format: Name of a format that can be written.
        to: The folder; made when it is not there. Files of the same name are replaced whole.
        method: Labels of this method; the best there are when None.
        protocol: Labels of this protocol.
        options: Options of the format.
        reporter: Told about progress, and about what the format cannot keep.

    Returns:
        The files.

    Raises:
        UnknownName: No such format or option.
        UsageError: The format can only be read, or there are no labels.
        MissingExtra: The format needs a package that is not installed.
        StorageError: The disk refused.
    """
    import polars as pl

    from castline.attribution.labels import choose_variant, read_labels
    from castline.subtitles import get_format

    how = get_format(format)
    if not how.writes:
        raise UsageError(f"The format {format!r} can be read but not written.")
    reporter = reporter or Recorder()
    labels = read_labels(project, choose_variant(project, method, protocol))
    folder = Path(to)
    with storage_errors(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)
    remove_scraps(folder)
    written: list[Path] = []
    lost: dict[str, int] = {}
    episodes = project.episodes()
    for done, episode in enumerate(episodes):
        reporter.step("export", done, len(episodes), episode)
        mine = labels.filter(pl.col("episode") == episode)
        document = document_of(project.store.read("lines", episode), mine)
        for problem in how.losses_in(document):
            lost[problem.message] = lost.get(problem.message, 0) + 1
        path = folder / (safe_name(episode) + (how.suffixes[0] if how.suffixes else ""))
        how.write(document, path, **(options or {}))
        written.append(path)
        reporter.step("export", done + 1, len(episodes), episode)
    if lost:
        reporter.warn(f"{format} does not keep everything; `castline formats` says what is lost")
    return written


def document_of(lines: pl.DataFrame, labels: pl.DataFrame) -> Document:
    """The captions of one episode.

    Args:
        lines: Its `lines` table.
        labels: Its `labels` table; `unknown` becomes no speaker.
    """
    from castline.subtitles.base import Cue, Document

    speakers: dict[str, list[str]] = {}
    confidence: dict[str, float | None] = {}
    for line, character, sure in labels.select("line", "character", "confidence").iter_rows():
        if character != UNKNOWN:
            speakers.setdefault(line, []).append(character)
            confidence.setdefault(line, sure)
    columns = ("line", "start_ms", "end_ms", "text", "kind")
    return Document(
        cues=tuple(
            Cue(
                max(0, start),
                max(0, end),
                text,
                speakers=tuple(speakers.get(line, ())),
                kind=kind,
                identifier=line,
                confidence=confidence.get(line),
            )
            for line, start, end, text, kind in lines.select(columns).iter_rows()
        )
    )
