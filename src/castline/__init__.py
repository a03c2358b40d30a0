"""Castline: who is on screen, who says each line, and how sure that is.

The main job in Python is the main job of the command line::

    project, _ = castline.import_dramasr("DATA/chen_mo_de_zhen_xiang", "the-long-night")
    castline.attribute(project)
    castline.evaluate(project)
    castline.export(project, format="vtt", to="out")

Importing `castline` imports nothing heavy; each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from castline._version import __version__

if TYPE_CHECKING:
    from castline.attribution.editing import edit_cluster, edit_lines, undo_edit
    from castline.attribution.labels import read_labels
    from castline.attribution.recipe import attribute
    from castline.exports import export
    from castline.project import Project
    from castline.report.evaluation import evaluate_project as evaluate
    from castline.sources.recipe import import_captions, import_dramasr

__all__ = [
    "Project",
    "__version__",
    "attribute",
    "edit_cluster",
    "edit_lines",
    "evaluate",
    "export",
    "import_captions",
    "import_dramasr",
    "read_labels",
    "undo_edit",
]

_HOMES = {
    "Project": "castline.project:Project",
    "attribute": "castline.attribution.recipe:attribute",
    "edit_cluster": "castline.attribution.editing:edit_cluster",
    "edit_lines": "castline.attribution.editing:edit_lines",
    "evaluate": "castline.report.evaluation:evaluate_project",
    "export": "castline.exports:export",
    "import_captions": "castline.sources.recipe:import_captions",
    "import_dramasr": "castline.sources.recipe:import_dramasr",
    "read_labels": "castline.attribution.labels:read_labels",
    "undo_edit": "castline.attribution.editing:undo_edit",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'castline' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
