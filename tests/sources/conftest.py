"""Ways to break a folder of the release."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from castline.errors import RunError
from castline.pipeline.progress import Recorder
from castline.project import Project
from castline.sources.recipe import import_dramasr

Change = Callable[[dict[str, Any]], object]


def edit(path: Path, change: Change) -> None:
    """Change a JSON file in place."""
    content = msgspec.json.decode(path.read_bytes())
    change(content)
    path.write_bytes(msgspec.json.encode(content))


@dataclass
class Outcome:
    """What an import did, whether it failed or not."""

    project: Project
    made: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def bring_in(folder: Path, into: Path) -> Outcome:
    """Import, and return the failures of units instead of raising them."""
    recorder = Recorder()
    try:
        project, summary = import_dramasr(folder, into, reporter=recorder)
    except RunError as error:
        return Outcome(Project.open(into), {}, error.failures, recorder.warnings)
    return Outcome(project, summary.made, {}, recorder.warnings)


@pytest.fixture(scope="session")
def imported(kept_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small series, imported without a stop; read only."""
    return bring_in(kept_release, tmp_path_factory.mktemp("imported") / "p").project
