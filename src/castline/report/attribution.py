"""The report on the labels of a series: one HTML file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from castline._version import __version__
from castline.attribution.evaluate import compare
from castline.attribution.evaluation.results import Evaluation
from castline.attribution.evaluation.rules import RULES
from castline.errors import UsageError
from castline.report import confidence, plots
from castline.report.pages import environment

if TYPE_CHECKING:
    import jinja2

__all__ = ["render_report"]

_TOP_CHARACTERS = 30

_NAMES = {
    "very short": "very short: under 0.5 s",
    "short": "short: 0.5 to 1 s",
    "medium": "medium: 1 to 2 s",
    "long": "long: 2 s and more",
    "0": "nobody",
    "1-2": "1 or 2",
    "3-4": "3 or 4",
    "5+": "5 and more",
    "seen": "seen",
    "unseen": "not seen",
}


def render_report(
    evaluations: Evaluation | Sequence[Evaluation],
    *,
    series: str,
    protocol: str = "",
    facts: Mapping[str, str] | None = None,
    language: str = "",
    version: str = __version__,
    comparison: Mapping[str, Any] | None = None,
    conversations: str = "",
) -> str:
    """Make the report.

    Args:
        evaluations: Of one method or of several over the same series; each one's first rule is
            the one that its plots show.
        series: Name of the series.
        protocol: How the labels came about, in a few words ("1 % seeds, as released").
        facts: More to say at the top: what, and its value.
        language: Language of lines and names (BCP 47), so that the browser picks fitting fonts.
        version: Version of Castline that made the labels.
        comparison: A result of `compare` to show; several evaluations are compared with the first
            one anyway.
        conversations: Page about conversations with a model to link to, as a path from this page;
            file names in it stand as they are.

    Returns:
        The page: no script, nothing loaded from elsewhere; light and dark, for screens of any
        width. Names and texts are shown as they are, whatever they hold.

    Raises:
        UsageError: There is no evaluation, or several share no line or no rule.
    """
    listed = [evaluations] if isinstance(evaluations, Evaluation) else list(evaluations)
    if not listed:
        raise UsageError("A report needs at least one evaluation.")
    return (
        _environment()
        .get_template("attribution.html.j2")
        .render(
            series=series,
            protocol=protocol,
            facts=dict(facts or {}),
            language=language,
            version=version,
            methods=[_method(number, each) for number, each in enumerate(listed, start=1)],
            comparisons=[
                *([comparison] if comparison else []),
                *(compare(listed[0], each) for each in listed[1:]),
            ],
            rules=RULES,
            # Bytes: a file name may be no text.
            conversations=quote(os.fsencode(conversations)),
        )
    )


def _method(number: int, evaluation: Evaluation) -> dict[str, Any]:
    """What the template shows of one method."""
    main = next(iter(evaluation.rules.values()))
    return {
        "id": f"m{number}",
        "name": evaluation.method or f"method {number}",
        "evaluation": evaluation,
        "main": main,
        "breakdowns": [
            {
                "key": key,
                "title": title,
                "about": about,
                "plot": plots.score_bars(getattr(main, key), _NAMES),
            }
            for key, title, about in (
                ("duration", "By duration", "How long a line is."),
                ("candidates", "By candidates", "How many people the method considered."),
                (
                    "visibility",
                    "By visibility",
                    "Whether the true speaker's face is seen within 20 seconds of the line. "
                    "Lines of known characters only.",
                ),
            )
            if getattr(main, key)
        ],
        "episodes": plots.episode_dots(main.episodes, main.total.all),
        "characters": plots.character_bars(main.characters, _TOP_CHARACTERS),
        "margins": plots.margin_columns(main.margins),
        "reliability": main.confidence and confidence.reliability(main.confidence),
        "risk": main.confidence and confidence.risk_coverage(main.confidence),
        "confusion": plots.confusion_map(evaluation.confusion),
    }


@cache
def _environment() -> jinja2.Environment:
    made = environment()
    made.filters.update(named=lambda name: _NAMES.get(name, name))
    made.globals.update(plots=plots)
    return made
