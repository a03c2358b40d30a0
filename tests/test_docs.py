"""The documentation says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from castline.cli import app
from castline.errors import CastlineError

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _commands() -> dict[str, set[str]]:
    """Every command with its options."""
    found: dict[str, set[str]] = {}

    def walk(command: object, path: str) -> None:
        children = getattr(command, "commands", {})
        for name, child in children.items():
            walk(child, f"{path} {name}".strip())
        if not children:
            params = getattr(command, "params", [])
            found[path] = {option for each in params for option in each.opts}

    walk(get_command(app), "")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_pages_exists_with_its_options(page: Path) -> None:
    known = _commands()
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for call in re.findall(r"^    castline (\S.*)$|`castline ([^`]+)`", text, re.MULTILINE):
        words = (call[0] or call[1]).split()
        name = next((n for n in known if words[: len(n.split())] == n.split()), None)
        if name is None and (words[0] == "--help" or words == ["edit"]):
            continue
        assert name is not None, f"{page.name}: castline {' '.join(words)}"
        used = {word for word in words if word.startswith("--") and len(word) > 2}
        assert used <= known[name] | {"--help"}, f"{page.name}: castline {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} → {target}"


def test_the_exit_codes_in_the_how_to_are_those_of_the_errors() -> None:
    text = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}

    def family(error: type[CastlineError]) -> set[type[CastlineError]]:
        return {error}.union(*(family(child) for child in error.__subclasses__()))

    assert {each.exit_code for each in family(CastlineError)} <= listed
