"""A small value that fits a JSON schema, whatever the schema is about."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["fitting"]

_DEEPEST = 12


def fitting(schema: dict[str, Any], texts: Sequence[str], start: int = 0) -> Any:
    """A value that fits a schema: every property, one item in each list.

    Each text takes the next of the given ones, and each choice from a list of allowed values the
    next of those, both from place `start` on and round, so that two names asked for side by side
    differ. Patterns and formats of text are not looked at.

    >>> fitting({"type": "object", "properties": {"n": {"type": "integer", "minimum": 2}}}, [])
    {'n': 2}
    """
    return _Maker(schema, texts or ("something",), start).make(schema)


class _Maker:
    """One value in the making; `$ref` points into the whole schema."""

    def __init__(self, whole: dict[str, Any], texts: Sequence[str], start: int) -> None:
        self._whole = whole
        self._texts = texts
        self._places: dict[str, Iterator[int]] = {}
        self._start = start

    def make(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """A value for a part of the schema, so many levels below the top."""
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._next_of(schema["enum"])
        match schema.get("type"):
            case "object":
                parts = schema.get("properties", {})
                return {name: self.make(part, depth + 1) for name, part in parts.items()}
            case "array":
                return self._list(schema, depth)
            case "string":
                return self._text(schema)
            case "integer" | "number":
                least = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
                return min(least, schema.get("maximum", least))
            case "boolean":
                return True
            case _:
                return None

    def _resolved(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """The schema behind references and choices."""
        while True:
            if reference := schema.get("$ref"):
                schema = self._whole
                for step in reference.removeprefix("#/").split("/"):
                    schema = schema[step]
            elif choices := schema.get("anyOf") or schema.get("oneOf"):
                # Something says more than nothing, until it goes too deep.
                prefer = min if depth < _DEEPEST else max
                schema = prefer(choices, key=lambda each: each.get("type") == "null")
            else:
                return schema

    def _next_of(self, allowed: Sequence[Any]) -> Any:
        places = self._places.setdefault(repr(allowed), itertools.count(self._start))
        return allowed[next(places) % len(allowed)]

    def _list(self, schema: dict[str, Any], depth: int) -> list[Any]:
        if "prefixItems" in schema:
            return [self.make(part, depth + 1) for part in schema["prefixItems"]]
        fewest: int = schema.get("minItems", 0)
        # One item shows more than none; but a schema that holds itself would go on for ever.
        wanted = min(1, schema.get("maxItems", 1)) if depth < _DEEPEST else 0
        items = range(max(fewest, wanted))
        return [self.make(schema.get("items", {}), depth + 1) for _ in items]

    def _text(self, schema: dict[str, Any]) -> str:
        text = str(self._next_of(self._texts))
        while len(text) < schema.get("minLength", 0):
            text += f" {self._next_of(self._texts)}"
        return text[: schema.get("maxLength")]
