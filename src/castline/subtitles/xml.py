"""XML from strangers, parsed without entities, and written without characters XML cannot hold."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from castline.errors import InputError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["attribute", "legal_text", "local_name", "parse_xml"]

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")


def parse_xml(data: bytes, name: str) -> tuple[Element, str]:
    """The root element, and the encoding the file declares.

    Raises:
        InputError: The file is no XML, or declares entities, which no caption file needs.
    """
    import xml.etree.ElementTree as ET

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(data)
    except ET.ParseError as error:
        place = f"line {error.position[0]}" if getattr(error, "position", None) else ""
        raise InputError(name, f"this is no well-formed XML: {error}.", place=place) from error
    except DefusedXmlException as error:
        raise InputError(
            name, "the file declares entities, which caption files never need; not read."
        ) from error
    except (ValueError, LookupError) as error:  # an encoding that expat cannot read
        raise InputError(name, f"this XML cannot be read: {error}.") from error
    found = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf"))
    if found:
        return root, found[1].decode("ascii").lower()
    return root, "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"


def local_name(element: Element) -> str:
    """A tag without its namespace; empty for comments."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """An attribute by its name without namespace, for files use half a dozen for the same thing."""
    if name in element.attrib:
        return element.attrib[name]
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return None


def legal_text(text: str) -> str:
    """A text with U+FFFD for what XML cannot hold: controls and half surrogate pairs."""
    return _ILLEGAL.sub("\ufffd", text)
