"""Formatting tags inside caption texts: which there are, and a text without them."""

from __future__ import annotations

import re

__all__ = ["CAPTION_TAG", "LEADING_TAGS", "strip_tags"]

_TIME = r"(?:\d+:)?\d\d:\d\d\.\d{3}"

CAPTION_TAG = re.compile(
    rf"</?(?:i|b|u|s|ruby|rt|c|lang)(?:\.[\w.-]*\w)?(?:[ \t][\w-]*\w)?>|<{_TIME}>", re.IGNORECASE
)
"""The tags that writers pass on as markup; all other angle brackets are plain characters."""

_ANY_TAG = re.compile(
    rf"</?(?:i|b|u|s|em|strong|ruby|rt|c|lang|v|font|span)(?:[.\s][^<>]*)?>|<{_TIME}>"
    r"|\{\\[^{}]*\}|\{[yYcCfFsSpP]:[^{}]*\}",
    re.IGNORECASE,
)

LEADING_TAGS = re.compile(rf"(?:{_ANY_TAG.pattern}|[ \t\u00a0])*", re.IGNORECASE)


def strip_tags(text: str) -> str:
    r"""A text without the formatting tags of SubRip, WebVTT, ASS and MicroDVD.

    Only known tags go: a stranger's `<3` or `<unclear>` is text.

    >>> strip_tags("<i>It is</i> {\\b1}2 < 3"), strip_tags("I <3 you")
    ('It is 2 < 3', 'I <3 you')
    """
    return _ANY_TAG.sub("", text).strip()
