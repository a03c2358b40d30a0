"""People without a name who come back, listed and cut out of the film."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from castline.errors import TableError
from castline.project import Project
from castline.tables.catalog import table
from castline.tables.schema import build_frame
from castline.unknown_faces import list_unknown_faces, write_pictures
from tests.media.films import corner, write_film


def put(project: Project, name: str, columns: dict[str, Any], **constants: str) -> None:
    frame = build_frame(table(name), columns, episode="e", source="test", **constants)
    project.store.write(name, frame, "e", stage="test", key="k", parameters={}, inputs={})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two tracks of one stranger at the red corner, one of another, one of Ann."""
    film = tmp_path / "e.mp4"
    write_film(film, look=corner)
    made = Project.create(tmp_path / "p")
    put(made, "lines", {"line": ["e-1"], "number": [0], "start_ms": [0], "end_ms": [900],
                        "text": ["Hello."]}, kind="speech")  # fmt: skip
    put(made, "media", {"duration_ms": [2000], "width": [64], "height": [48]},
        path=str(film), fingerprint="x")  # fmt: skip
    ids = [f"e-f{n}" for n in range(4)]
    put(made, "faces", {
        "face": ids, "start_ms": [0, 400, 800, 1200], "end_ms": [0, 400, 800, 1200],
        "left": [2] * 4, "top": [2] * 4, "right": [12] * 4, "bottom": [12] * 4,
        "track": ["t1", "t2", "t3", "t4"],
    })  # fmt: skip
    put(made, "face_names", {
        "face": ids, "character": [None, None, None, "Ann"],
        "cluster": ["face-1", "face-1", "face-2", None], "score": [0.1] * 4,
    })  # fmt: skip
    put(made, "faceprints", {
        "face": ids, "track": ["t1", "t2", "t3", "t4"], "quality": [0.2, 0.9, 0.5, 0.9],
        "embedding": np.eye(4, dtype=np.float32),
    })  # fmt: skip
    return made


def test_strangers_are_listed_by_how_often_they_are_seen_with_their_best_face(
    project: Project,
) -> None:
    found = list_unknown_faces(project)
    assert [(each.cluster, each.tracks, each.time_ms) for each in found] == [
        ("face-1", 2, 400),
        ("face-2", 1, 800),
    ]


def test_each_gets_a_picture_of_its_face(project: Project, tmp_path: Path) -> None:
    from PIL import Image

    written = write_pictures(project, list_unknown_faces(project), tmp_path / "out")

    assert [path.name for path in written] == ["face-1.png", "face-2.png"]
    picture = np.asarray(Image.open(written[0]))
    assert picture.shape == (18, 18, 3)
    assert picture[4:10, 4:10, 0].min() > 180  # the red corner


def test_a_project_without_faces_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="castline run"):
        list_unknown_faces(Project.create(tmp_path / "p"))
