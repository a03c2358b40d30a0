"""Tools that a model may call: typed functions, told to the model by their own signature.

::

    def name_lookup(name: Annotated[str, Meta(description="A form of address.")]) -> str:
        '''Who may be called by a name.'''

    tool = Tool.of(name_lookup)
    tool.call('{"name": "Gu"}')

A tool serves every dialect, and the Model Context Protocol, alike.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from castline.agents.messages import ToolSpec

__all__ = ["Tool", "ToolError"]

_NO_ARGUMENTS = ("", "null")
_SCHEMA_KEYS = ("type", "properties", "required", "$defs")


class ToolError(Exception):
    """What a tool cannot do as it was asked; the message goes back to the model."""


@dataclass(frozen=True)
class Tool:
    """A function that a model may call.

    Attributes:
        name: What it is called by.
        description: What it tells, in a sentence.
        parameters: JSON schema of its arguments, an object.
        function: Called with the arguments by name; gives the text for the model, or raises
            `ToolError`.
        arguments: The arguments as a type that decodes and checks them.
        off: Where not empty, the tool is switched off and answers this.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    function: Callable[..., str]
    arguments: type[msgspec.Struct]
    off: str = ""

    @classmethod
    def of(cls, function: Callable[..., str], *, name: str = "", description: str = "") -> Tool:
        """Make a tool of a function with annotated parameters.

        Args:
            function: Its parameters are JSON types; `Annotated[..., msgspec.Meta(...)]` describes
                them and sets their ranges.
            name: Its name for models; that of the function when empty.
            description: What models are told; the first line of the docstring when empty.
        """
        name = name or function.__name__
        hints = typing.get_type_hints(function, include_extras=True)
        fields: list[Any] = [
            (each.name, hints[each.name])
            if each.default is inspect.Parameter.empty
            else (each.name, hints[each.name], each.default)
            for each in inspect.signature(function).parameters.values()
        ]
        arguments = msgspec.defstruct(name, fields, forbid_unknown_fields=True, kw_only=True)
        _, parts = msgspec.json.schema_components([arguments])
        schema = {key: value for key, value in parts[name].items() if key in _SCHEMA_KEYS}
        told = description or (inspect.getdoc(function) or "").partition("\n")[0]
        return cls(name, told, schema, function, arguments)

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model is told of it."""
        return ToolSpec(self.name, self.description, self.parameters)

    def switched_off(self, answer: str) -> Tool:
        """The same tool to the model, but all that it tells is `answer`."""
        return replace(self, off=answer)

    def call(self, arguments: str = "") -> str:
        """Call the tool.

        Args:
            arguments: A JSON object, as a model wrote it; empty for none.

        Raises:
            ToolError: The arguments do not fit, or the tool cannot do it.
        """
        read = self._read(arguments)
        if self.off:
            return self.off
        return self.function(**{name: getattr(read, name) for name in read.__struct_fields__})

    def shown(self, arguments: str = "") -> str:
        """A call as `name(argument=value)`: the same for arguments that mean the same.

        Raises:
            ToolError: The arguments do not fit.
        """
        read = self._read(arguments)
        values = ", ".join(
            f"{name}={msgspec.json.encode(getattr(read, name)).decode()}"
            for name in read.__struct_fields__
        )
        return f"{self.name}({values})"

    def _read(self, arguments: str) -> msgspec.Struct:
        given = "{}" if arguments.strip() in _NO_ARGUMENTS else arguments
        try:
            return msgspec.json.decode(given, type=self.arguments, strict=False)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            raise ToolError(f"{self.name}: {error}") from error
