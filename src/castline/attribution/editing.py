"""People's corrections of who speaks: checked, recorded, undone."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from castline.attribution.labels import choose_variant, read_labels
from castline.errors import UnknownName, UsageError
from castline.tables.catalog import NARRATOR, OTHERS, UNKNOWN
from castline.tables.edits import Change, EditLog

if TYPE_CHECKING:
    import polars as pl

    from castline.project import Project

__all__ = ["edit_cluster", "edit_lines", "undo_edit"]


def edit_lines(
    project: Project,
    lines: Sequence[str],
    *,
    to: str,
    author: str,
    reason: str = "",
    new_character: bool = False,
    at: str | None = None,
) -> int:
    """Give lines to a speaker.

    Args:
        project: The series.
        lines: Ids of lines.
        to: A character of the cast, `others`, or `unknown`.
        author: Who says so.
        reason: Why.
        new_character: `to` is somebody new; otherwise an unknown name is an error.
        at: When, ISO 8601; now, when left out.

    Returns:
        The number of the edit.

    Raises:
        UnknownName: No such line, or no such character.
        ProjectBusy: Another run works in the project.
    """
    import polars as pl

    store = project.store
    columns = ["line", "episode", "start_ms", "end_ms", "text"]
    frames = [store.read("lines", each, columns=columns) for each in project.episodes()]
    known = pl.concat(frames) if frames else None
    wanted = list(dict.fromkeys(lines))
    if known is None or not wanted:
        raise UsageError("Name at least one line of a project that has lines.")
    found = known.filter(pl.col("line").is_in(wanted))
    for line in wanted:
        if line not in set(found["line"]):
            raise UnknownName("line", line, known["line"])
    speaker = _check_speaker(project, to, new_character=new_character)
    old = _labels_now(project)
    changes = [
        Change(**row, old=old.get(row["line"]), new=speaker) for row in found.iter_rows(named=True)
    ]
    with project.lock():
        return EditLog(project.database).add(changes, author=author, reason=reason, at=at or _now())


def edit_cluster(
    project: Project,
    label: str,
    *,
    to: str,
    author: str,
    reason: str = "",
    method: str | None = None,
    protocol: str | None = None,
    new_character: bool = False,
    at: str | None = None,
) -> tuple[int, int]:
    """Give all lines of one label (a new voice, or a character) to a speaker.

    Returns:
        The number of the edit, and how many lines it covers.

    Raises:
        UnknownName: No line has that label, or no such character.
    """
    labels = read_labels(project, choose_variant(project, method, protocol))
    lines = labels.filter(labels["character"] == label)["line"].to_list()
    if not lines:
        raise UnknownName("label", label, labels["character"].unique().sort())
    batch = edit_lines(
        project,
        lines,
        to=to,
        author=author,
        reason=reason,
        new_character=new_character,
        at=at,
    )
    return batch, len(lines)


def undo_edit(project: Project, edit: int, *, author: str, at: str | None = None) -> int:
    """Take an edit back; what it superseded counts again.

    Returns:
        How many lines it covered.

    Raises:
        UnknownName: No such edit, or undone already.
    """
    with project.lock():
        return EditLog(project.database).undo(edit, author=author, at=at or _now())


def _check_speaker(project: Project, to: str, *, new_character: bool) -> str:
    to = to.strip()
    if not to:
        raise UsageError("The name of the speaker is empty.")
    if to in (OTHERS, UNKNOWN):
        return to
    if to == NARRATOR:
        raise UsageError(f"{NARRATOR!r} is a kind of character, not a name.")
    cast: pl.DataFrame = project.store.read("cast")
    names = dict.fromkeys(cast["character"])
    names.update(dict.fromkeys(edit.new for edit in EditLog(project.database).active()))
    for name, others in cast.select("character", "other_names").iter_rows():
        if to in others and to not in names:
            return str(name)
    if to not in names and not new_character:
        raise UnknownName("character", to, names)
    return to


def _labels_now(project: Project) -> dict[str, str]:
    try:
        labels = read_labels(project, choose_variant(project))
    except UsageError:
        return {}
    labels = labels.unique("line", keep="first", maintain_order=True)
    return dict(zip(labels["line"], labels["character"], strict=True))


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
