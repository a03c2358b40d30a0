"""A run that is killed while models are asked."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from castline.project import Project
from castline.story.recipe import Models, tell_story
from tests.agents.served import Asked, Sent, Server
from tests.conftest import Contents

from .conftest import answer

pytestmark = pytest.mark.slow

IN_FLIGHT = 2


def test_a_killed_run_goes_on_and_gives_the_same_tables(
    series: Project, model: Server, contents: Contents, tmp_path: Path
) -> None:
    whole = Project.open(Path(shutil.copytree(series.folder, tmp_path / "whole")))
    tell_story(whole, Models([model.endpoint()]))
    needed = len(model.asked)

    def slowly(asked: Asked) -> Sent:
        sent = answer(asked)
        sent.delay_s = 0.15
        return sent

    model.asked.clear()
    model.behaviour = slowly
    words = ["--endpoint", f"{model.url}#m", "--in-flight", str(IN_FLIGHT)]
    killed = subprocess.Popen([sys.executable, "-m", "castline", "story", series.folder, *words])
    begun = time.monotonic()
    while len(model.asked) < needed // 2 and time.monotonic() - begun < 60:
        time.sleep(0.01)
    killed.kill()
    assert killed.wait() == -9
    before = len(model.asked)
    assert before < needed

    tell_story(series, Models([model.endpoint()]))
    # What was on its way when the run was killed may be asked again, and nothing else.
    assert needed <= len(model.asked) <= needed + IN_FLIGHT
    assert contents(series.folder / "tables") == contents(whole.folder / "tables")
