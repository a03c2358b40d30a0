"""Prompts as template files, `NAME.LANGUAGE.jinja`, that a user can replace file by file.

What is put into a template is data, whatever it holds: a subtitle that spells out template code is
shown as it is. Templates of a user run in a sandbox: they can neither call nor change anything.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from castline.errors import InputError, UnknownName
from castline.files import read_bytes

if TYPE_CHECKING:
    import jinja2

__all__ = ["PromptSet", "Say"]

_ENDING = ".jinja"
_REMEDY = "Mend it, or remove it to use the prompt that comes with Castline."
_WHILE_FILLING = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError)


class Say(Protocol):
    """Renders a prompt by its name, in the language of a conversation."""

    def __call__(self, name: str, /, **values: object) -> str:
        """The prompt with its values filled in."""


class PromptSet:
    """The prompts of one task.

    Attributes:
        files: File name to the file that counts.
    """

    def __init__(self, folder: Path) -> None:
        """Take all templates of a folder."""
        self.files = {path.name: path for path in sorted(folder.glob("*" + _ENDING))}

    def with_overrides(self, folder: Path) -> PromptSet:
        """The same prompts, those that `folder` holds too taken from there.

        Raises:
            InputError: There is no such folder, it holds no template, or a broken one.
            UnknownName: It holds a template that is none of these prompts.
        """
        if not folder.is_dir():
            raise InputError(folder, "no such folder of prompts.", remedy="Check the path.")
        found = {path.name: path for path in sorted(folder.glob("*" + _ENDING))}
        if not found:
            raise InputError(
                folder,
                f"holds no templates ({', '.join(sorted(self.files)[:3])}, …).",
                remedy="Copy those that you want to change, and change them.",
            )
        for name in found:
            if name not in self.files:
                raise UnknownName("prompt", name, sorted(self.files))
        made = PromptSet(folder)
        made.files = {**self.files, **found}
        for name in found:
            made._template(name)
        return made

    @property
    def languages(self) -> list[str]:
        """Languages that there are prompts in."""
        return sorted({name.split(".")[-2] for name in self.files})

    @cached_property
    def version(self) -> str:
        """Digest of all files that count."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            content = read_bytes(self.files[name])
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:16]

    def render(self, name: str, language: str, /, **values: object) -> str:
        """One prompt with its values filled in; no blank lines at its ends.

        Raises:
            UnknownName: There is no such prompt in that language.
            InputError: The template is broken, or wants a value that there is not.
        """
        import jinja2

        file = f"{name}.{language}{_ENDING}"
        template = self._template(file)
        try:
            return template.render(values).strip()
        except (jinja2.TemplateError, *_WHILE_FILLING) as error:
            problem = f"the template cannot be filled in: {str(error).rstrip('.')}."
            raise InputError(self.files[file], problem, remedy=_REMEDY) from error

    def say(self, language: str) -> Say:
        """`render` in one language.

        Raises:
            UnknownName: There are no prompts in that language.
        """
        if language not in self.languages:
            raise UnknownName("language of prompts", language, self.languages)

        def render(name: str, /, **values: object) -> str:
            return self.render(name, language, **values)

        return render

    @cached_property
    def _environment(self) -> jinja2.Environment:
        import jinja2
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def load(name: str) -> str | None:
            path = self.files.get(name)
            return read_bytes(path).decode("utf-8") if path else None

        return ImmutableSandboxedEnvironment(
            loader=jinja2.FunctionLoader(load),
            # Prompts are text, not markup: whatever the file is called, nothing is escaped.
            autoescape=False,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def _template(self, file: str) -> jinja2.Template:
        import jinja2

        if file not in self.files:
            raise UnknownName("prompt", file, sorted(self.files))
        try:
            return self._environment.get_template(file)
        except jinja2.TemplateSyntaxError as error:
            raise InputError(
                self.files[file], f"{error.message}", place=f"line {error.lineno}", remedy=_REMEDY
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(self.files[file], "is no UTF-8 text.", remedy=_REMEDY) from error
