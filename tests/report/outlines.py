"""Pages as a browser finds them, and texts that try to be more than text."""

from __future__ import annotations

import html.parser

EVIL = [
    "<script>alert(1)</script>",
    "</title></svg><img src=x onerror=alert(1)>",
    '"><b onmouseover="x">',
    "'; } body { display:none } /*",
    "{{ 7 * 7 }}{% raw %}",
    "&amp;&lt;",
]

_TAGS = """
    html head meta title style body header main footer section h1 h2 h3 h4 p em br dl dt dd div
    ul ol li span strong bdi table caption thead tbody tr th td details summary figure figcaption
    svg g text tspan rect path circle
"""
PAGE_TAGS = frozenset(_TAGS.split())
"""Elements that the pages of the report are made of."""


class Outline(html.parser.HTMLParser):
    """Elements, attributes and texts as a browser finds them."""

    void = frozenset({"meta", "br", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def outline(page: str) -> Outline:
    found = Outline(page)
    assert found.open == []
    return found
