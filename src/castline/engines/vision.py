"""A vision model behind an endpoint: asked what a picture of a doubtful subtitle really says.

Any server that speaks the OpenAI chat protocol with pictures serves. It is asked only where the
user named one, and only about pictures of writing that was read badly. What it answers is text from
a stranger: a line or two, or nothing.
"""

from __future__ import annotations

import base64
import io
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from castline.engines.base import Picture
from castline.errors import SettingsError

__all__ = ["VisionEndpoint"]

_QUESTION = (
    "This picture shows one line of a film's subtitles. Write down exactly what it says, in its "
    "own language, and nothing else. If there is no writing, answer with an empty line."
)
_LONGEST = 200
"""Letters that one line of subtitles never exceeds; more is talk of the model."""
_MOST_BYTES = 1_000_000


@dataclass(frozen=True)
class VisionEndpoint:
    """Where pictures are sent.

    Attributes:
        url: Base address of the server, up to and without `/chat/completions`.
        model: Name of the model there.
        key_variable: Environment variable that holds the key; empty for none.
        timeout_s: Longest wait for an answer.
    """

    url: str
    model: str
    key_variable: str = ""
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        if urllib.parse.urlsplit(self.url).scheme not in ("http", "https") or not self.host:
            raise SettingsError(f"{self.url!r} is no address of a vision endpoint: https://...")

    @property
    def host(self) -> str:
        """The machine that the pictures go to."""
        return urllib.parse.urlsplit(self.url).hostname or ""

    def read(self, picture: Picture) -> str | None:
        """What a picture of writing says; None where no usable answer came.

        Args:
            picture: (H, W, 3) RGB.
        """
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        image = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        content = [
            {"type": "text", "text": _QUESTION},
            {"type": "image_url", "image_url": {"url": image}},
        ]
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": 0,
            "max_tokens": 200,
        }
        try:
            return _answer(json.loads(self._post(body)))
        except (OSError, ValueError, LookupError, TypeError):
            # A server that is down or talks nonsense leaves the reading as it is.
            return None

    def _post(self, body: dict[str, Any]) -> bytes:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self.key_variable):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(
            self.url.rstrip("/") + "/chat/completions", json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=self.timeout_s) as reply:
            found: bytes = reply.read(_MOST_BYTES)
            return found


def _answer(reply: Any) -> str | None:
    """The text of a reply, when it can be a line of subtitles."""
    text = reply["choices"][0]["message"]["content"]
    if not isinstance(text, str):
        return None
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    said = " ".join(line for line in lines if line)
    return said if 0 < len(said) <= _LONGEST and said.isprintable() else None
