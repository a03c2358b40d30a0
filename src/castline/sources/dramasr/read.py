"""Read the files of a series folder, one function a file, each into frames of our tables."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from castline.errors import InputError
from castline.files import read_bytes
from castline.tables.catalog import OTHERS, table
from castline.tables.schema import build_frame
from castline.timing import parse_clock

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from castline.pipeline.progress import Reporter

__all__ = [
    "SOURCE",
    "is_narrator",
    "line_ids",
    "read_array",
    "read_captions",
    "read_faces",
    "read_library",
    "read_lines",
    "read_relations",
    "read_seeds",
    "read_voices",
    "released_name",
    "split_speakers",
]

SOURCE = "dramasr"

_DELETED = "!删除!"
_NARRATORS = ("旁白", "Narration")
_UNKNOWN = r"^(未知|Unknown)(-\d+)?$"
_OTHERS = "其他"
_NEW_VOICE = "新角色-"

T = TypeVar("T")


class _Line(msgspec.Struct):
    episode_idx: int
    object_idx: int
    start_time: str
    end_time: str
    text: str
    character: str


class _Subtitles(msgspec.Struct):
    episode_idx: int
    objects: int
    object_list: dict[str, _Line]


class _Frame(msgspec.Struct):
    box: dict[str, float]


class _Geometry(msgspec.Struct):
    active_frame_list: dict[str, _Frame] = {}


class _Identity(msgspec.Struct):
    name: str
    score: float


class _Face(msgspec.Struct):
    start_time: str
    end_time: str
    geometry: _Geometry
    id_list: dict[str, _Identity]


class _Faces(msgspec.Struct):
    episode_idx: int
    objects: int
    object_list: dict[str, _Face]


class Library(msgspec.Struct):
    """The face library: each character with its other names, and the actors."""

    role_name_variants: dict[str, str | None]
    actor_to_role: dict[str, Any] = {}


class _Relations(msgspec.Struct):
    relationship_list: list[Any] = []


class _Caption(msgspec.Struct):
    start_timestamp: str
    end_timestamp: str
    description: str


class _Section(msgspec.Struct):
    episode_idx: int
    brief_caption: _Caption
    detailed_caption_list: list[_Caption] = []


class _SeedCharacter(msgspec.Struct):
    name: str
    code: int
    is_global: bool = False


class _SeedLabel(msgspec.Struct):
    code: int
    is_gt: bool


class Seeds(msgspec.Struct):
    """A seeds file: characters with their codes, one label a line of the series."""

    character_list: list[_SeedCharacter]
    utterance_label: list[_SeedLabel]


def line_ids(episode: str, numbers: Iterable[int]) -> list[str]:
    """Ids of lines from their positions in the file, counted from 0.

    >>> line_ids("0003", [0, 41])
    ['0003-00001', '0003-00042']
    """
    return [f"{episode}-{number + 1:05d}" for number in numbers]


def released_name(character: str) -> str:
    """The release's own spelling of a label: its words for others and for new voices.

    >>> released_name("others"), released_name("voice-3"), released_name("甄嬛")
    ('其他', '新角色-3', '甄嬛')
    """
    if character == OTHERS:
        return _OTHERS
    if re.fullmatch(r"voice-\d+", character):
        return _NEW_VOICE + character.removeprefix("voice-")
    return character


def split_speakers(annotations: pl.Series) -> pl.Series:
    """The single speakers of annotations: `|` joins people at once, `/` people in turn.

    >>> import polars as pl
    >>> split_speakers(pl.Series(["A|B/A", "未知-1", "X#Y"])).to_list()
    [['A', 'B'], ['未知-1'], ['X#Y']]
    """
    import polars as pl

    parts = annotations.str.replace_all("/", "|", literal=True).str.split("|")
    return parts.list.eval(pl.element().filter(pl.element() != "")).list.unique(maintain_order=True)


def _decode(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(read_bytes(path), type=kind)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at ")
        raise InputError(
            path, f"{problem}.", place=place.strip("`"), remedy="Mend or replace the file."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            path,
            f"broken JSON ({error}).",
            remedy="The file may be cut off: copy it again.",
        ) from error


def _objects(path: Path, objects: int, listed: dict[str, T]) -> list[T]:
    if len(listed) != objects:
        raise InputError(
            path,
            f"'objects' says {objects}, found {len(listed)} different ids.",
            place="object_list",
            remedy="Ids may occur twice or be missing: number them 0 to objects-1.",
        )
    try:
        return [listed[str(number)] for number in range(objects)]
    except KeyError as error:
        raise InputError(
            path,
            f"no object has the id {error.args[0]!r}.",
            place="object_list",
            remedy="Number the objects 0 to objects-1.",
        ) from None


def _clock(path: Path, number: int, field: str, text: str) -> int:
    try:
        return parse_clock(text)
    except ValueError as error:
        raise InputError(path, f"{error}.", place=f"object {number}, {field}") from None


def _check_episode(path: Path, found: int, episode: str) -> None:
    if found != int(episode) - 1:
        raise InputError(
            path,
            f"'episode_idx' is {found}, expected {int(episode) - 1} for a file of this name.",
            remedy="The file may have been renamed.",
        )


def is_narrator(speaker: str) -> bool:
    """Whether an annotation counts as the narrator: the word occurs in it.

    >>> is_narrator("旁白"), is_narrator("甄嬛")
    (True, False)
    """
    return _DELETED not in speaker and any(word in speaker for word in _NARRATORS)


def read_library(path: Path) -> Library:
    """The face library of `face_info.json`."""
    return _decode(path, Library)


def read_seeds(path: Path) -> Seeds:
    """An `init_seeds_*.json` file."""
    return _decode(path, Seeds)


def read_relations(path: Path, reporter: Reporter) -> pl.DataFrame:
    """The `relations` table of `relation.json`; a triple listed twice is kept once.

    Relations are one cue among many, so what is no triple of names is left out with a warning.
    """
    listed = _decode(path, _Relations).relationship_list
    well_formed = [
        tuple(each)
        for each in listed
        if isinstance(each, list) and len(each) == 3 and all(isinstance(one, str) for one in each)
    ]
    if len(well_formed) < len(listed):
        reporter.warn(f"{path}: {len(listed) - len(well_formed)} entries are no triples of names")
    triples = list(dict.fromkeys(well_formed))
    columns = {name: [t[i] for t in triples] for i, name in enumerate(("from", "to", "relation"))}
    return build_frame(table("relations"), columns, source=SOURCE)


def read_captions(
    path: Path, episodes: Sequence[str], reporter: Reporter
) -> dict[str, pl.DataFrame]:
    """The `captions` tables of `caption.json`, by episode; every episode has one.

    Its brief captions tell of sections, its detailed ones of clips. No method needs captions, so
    those of other episodes and those that end before they start are left out with a warning.

    Raises:
        InputError: Broken JSON, or a time that is none.
    """
    rows: dict[str, list[tuple[str, str, int, int, str]]] = {each: [] for each in episodes}
    wrong = 0
    for number, section in enumerate(_decode(path, list[_Section])):
        name = f"{section.episode_idx + 1:04d}"
        brief, clips = section.brief_caption, section.detailed_caption_list
        for kind, letter, each in [("brief", "x", brief), *(("clip", "c", c) for c in clips)]:
            start = _clock(path, number, "start_timestamp", each.start_timestamp)
            end = _clock(path, number, "end_timestamp", each.end_timestamp)
            if name not in rows or end < start:
                wrong += 1
                continue
            part = f"{name}-{letter}{len(rows[name]) + 1:05d}"
            rows[name].append((part, kind, start, end, each.description))
    if wrong:
        reporter.warn(f"{path}: {wrong} captions are of no episode, or end before they start")
    columns = ("part", "kind", "start_ms", "end_ms", "text")
    return {
        name: build_frame(
            table("captions"),
            {column: [row[at] for row in found] for at, column in enumerate(columns)},
            episode=name,
            source=SOURCE,
        )
        for name, found in rows.items()
    }


def read_lines(
    path: Path, episode: str, reporter: Reporter
) -> tuple[pl.DataFrame, pl.DataFrame, list[int]]:
    """The lines and the truth of an episode.

    Returns:
        The `lines` table and the `truth` table, in order of time, and the positions in the file
        in that order.

    Raises:
        InputError: Broken JSON, ids that are not 0 to n-1, a line that ends before it starts.
    """
    import polars as pl

    content = _decode(path, _Subtitles)
    _check_episode(path, content.episode_idx, episode)
    lines = _objects(path, content.objects, content.object_list)
    starts, ends = [], []
    for number, line in enumerate(lines):
        if line.object_idx != number:
            raise InputError(
                path,
                f"'object_idx' is {line.object_idx}, expected {number}.",
                place=f"object {number}",
                remedy="Ids must be unique and equal their key.",
            )
        starts.append(_clock(path, number, "start_time", line.start_time))
        ends.append(_clock(path, number, "end_time", line.end_time))
        if ends[-1] < starts[-1]:
            raise InputError(
                path,
                f"the line ends ({line.end_time}) before it starts ({line.start_time}).",
                place=f"object {number}",
                remedy="Mend the times.",
            )
    order = sorted(range(len(lines)), key=starts.__getitem__)
    if order != list(range(len(lines))):
        reporter.warn(f"{path}: lines were out of order and have been sorted by their start")
    if not lines:
        reporter.warn(f"{path}: the episode has no lines")
    ids = line_ids(episode, order)
    frame = build_frame(
        table("lines"),
        {
            "line": ids,
            "number": order,
            "start_ms": [starts[number] for number in order],
            "end_ms": [ends[number] for number in order],
            "text": [lines[number].text for number in order],
        },
        kind="speech",
        episode=episode,
        source=SOURCE,
    )
    written = [lines[number].character for number in order]
    speakers = split_speakers(pl.Series(written, dtype=pl.String))
    truth = build_frame(
        table("truth"),
        {
            "line": ids,
            "speaker": written,
            "speakers": speakers,
            "deleted": [_DELETED in speaker for speaker in written],
            "unknown": speakers.list.eval(pl.element().str.contains(_UNKNOWN)).list.all(),
        },
        episode=episode,
        source=SOURCE,
    )
    return frame, truth, order


def read_faces(
    path: Path, episode: str, library: set[str], reporter: Reporter
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The `faces` and `face_names` tables of an episode, in the order of the file.

    A name outside the library stands for an unknown person: it becomes a cluster.
    """
    import polars as pl

    content = _decode(path, _Faces)
    _check_episode(path, content.episode_idx, episode)
    faces = _objects(path, content.objects, content.object_list)
    columns: dict[str, list[Any]] = {
        name: [] for name in ("start_ms", "end_ms", "left", "top", "right", "bottom")
    }
    names, scores = [], []
    for number, face in enumerate(faces):
        start = end = _clock(path, number, "start_time", face.start_time)
        if face.end_time != face.start_time:
            end = _clock(path, number, "end_time", face.end_time)
        if "0" not in face.id_list:
            raise InputError(path, "'id_list' is empty.", place=f"object {number}")
        frame = face.geometry.active_frame_list.get("0")
        sides = [frame.box.get(side) if frame else None for side in "0123"]
        box = [None if side is None else round(side) for side in sides]
        for values, value in zip(columns.values(), [start, end, *box], strict=True):
            values.append(value)
        names.append(face.id_list["0"].name)
        scores.append(face.id_list["0"].score)
    ids = [f"{episode}-f{number + 1:06d}" for number in range(len(faces))]
    where = build_frame(table("faces"), {"face": ids, **columns}, episode=episode, source=SOURCE)
    name = pl.Series(names, dtype=pl.String)
    known = name.is_in(sorted(library))
    strangers = name.filter(~known & ~name.str.contains(r"^\d{4}_pro\d+_id\d+$"))
    if len(strangers):
        reporter.warn(
            f"{path}: {len(strangers)} faces carry a name that is not in the face library "
            f"({strangers[0]!r}); they count as unknown people"
        )
    nobody = pl.Series([None], dtype=pl.String)
    who = build_frame(
        table("face_names"),
        {
            "face": ids,
            "character": name.zip_with(known, nobody),
            "cluster": name.zip_with(~known, nobody),
            "score": scores,
        },
        episode=episode,
        source=SOURCE,
    )
    return where, who


def read_array(path: Path) -> np.ndarray[Any, Any]:
    """A NumPy array file.

    Raises:
        InputError: It is none, or one that only code could open.
    """
    import numpy as np

    try:
        # No pickles: an array file from a stranger must not run code.
        return np.asarray(np.load(io.BytesIO(read_bytes(path)), allow_pickle=False))
    except (ValueError, EOFError, OSError) as error:
        raise InputError(
            path, f"not a readable NumPy array ({error}).", remedy="Copy the file again."
        ) from error


def read_voices(
    path: Path, episode: str, order: list[int], width: int | None, reporter: Reporter
) -> pl.DataFrame:
    """The `voices` table of an episode.

    Args:
        path: An array of shape (lines, width).
        episode: The episode.
        order: The rows to take, in order of the lines.
        width: The width that all episodes must share, if known.
        reporter: Told about rows that are zero or not finite.

    Raises:
        InputError: No readable array, or one of another shape.
    """
    import numpy as np
    import polars as pl

    array = read_array(path)
    if array.ndim != 2 or array.dtype.kind != "f":
        raise InputError(
            path, f"expected rows of floats, found {array.dtype} of shape {array.shape}."
        )
    if len(array) != len(order):
        raise InputError(
            path,
            f"{len(array)} rows, expected {len(order)}: one for each line.",
            remedy="The file may belong to another episode or version of the subtitles.",
        )
    if width is not None and array.shape[1] != width:
        raise InputError(
            path,
            f"voiceprints have {array.shape[1]} numbers, expected {width} as in the first episode.",
            remedy="All episodes must be measured with one voice engine.",
        )
    array = array[order].astype(np.float32, copy=False)
    ids = line_ids(episode, order)
    useless = ~np.isfinite(array).all(1) | ~array.any(1)
    if useless.any():
        listed = [ids[row] for row in np.flatnonzero(useless)]
        reporter.warn(
            f"{path}: {len(listed)} lines have no usable voiceprint (zero or not a number): "
            + ", ".join(listed[:5])
            + (", …" if len(listed) > 5 else "")
        )
    return build_frame(
        table("voices"),
        {
            "line": ids,
            "embedding": pl.Series(array, dtype=pl.Array(pl.Float32, array.shape[1])),
        },
        episode=episode,
        source=SOURCE,
    )
