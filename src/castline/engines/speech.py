"""Speech to text by faster-whisper, with weights that the user brings; nothing is downloaded."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from castline.engines.base import Manifest, Word
from castline.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["MANIFEST", "WhisperSpeech"]

Floats = npt.NDArray[np.float32]

MANIFEST = Manifest(
    name="faster-whisper",
    kind="speech",
    version=1,
    files=(),
    licence="that of the model you add",
    source="OpenAI's Whisper, converted for CTranslate2",
)

_NEEDED = ("config.json", "model.bin", "tokenizer.json")
"""Without the last one faster-whisper would go and fetch it."""


class WhisperSpeech:
    """A `SpeechRecogniser` on faster-whisper.

    Args:
        folder: The models folder.
        threads: Of the processor.
        manifest: Of the model that the user added.
    """

    manifest = MANIFEST

    def __init__(self, folder: Path, threads: int = 1, *, manifest: Manifest = MANIFEST) -> None:
        self.manifest = manifest
        self._folder = folder
        self._threads = threads

    def words(self, sound: Floats, *, language: str | None = None) -> list[list[Word]]:
        """What is said in sound at 16 kHz; see `SpeechRecogniser`.

        Args:
            sound: (samples,).
            language: Code such as `en`; found out from the sound when left out.

        Raises:
            MissingExtra: faster-whisper is not installed.
            InputError: There are no weights, or the folder of them is not whole.
        """
        segments, _ = self._model.transcribe(
            sound,
            language=language,
            word_timestamps=True,
            vad_filter=True,
            # Without this, doubtful passages are decoded again by drawing at random.
            temperature=0.0,
            # A mistake of one passage would be continued in the next.
            condition_on_previous_text=False,
        )
        return _words(segments)

    @cached_property
    def _model(self) -> Any:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise MissingExtra(
                "Recognising speech", package="faster-whisper", extra="speech"
            ) from error
        path = self._weights()
        try:
            return WhisperModel(
                str(path), device="cpu", cpu_threads=self._threads, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise InputError(
                path,
                f"faster-whisper cannot load this model ({error}).",
                remedy="Add a whole folder of a Whisper model converted for CTranslate2.",
            ) from error

    def _weights(self) -> Path:
        """The folder of the model."""
        if not self.manifest.files:
            raise InputError(
                self._folder,
                "there is no model for recognising speech here, and Castline downloads none.",
                remedy="Get a Whisper model converted for CTranslate2 (a folder with "
                f"{', '.join(_NEEDED)}), describe it (docs/engines.md), and add it:  "
                "castline models add FOLDER",
            )
        path = (self._folder / self.manifest.files[0].name).parent
        missing = [name for name in _NEEDED if not (path / name).is_file()]
        if missing:
            raise InputError(
                path,
                f"the Whisper model lacks {', '.join(missing)}.",
                remedy="Add its whole folder again:  castline models add FOLDER",
            )
        return path


def _words(segments: Iterable[Any]) -> list[list[Word]]:
    """faster-whisper's segments as ours; a segment without words is left out."""
    found = [
        [
            Word(
                start_ms=round(1000 * word.start),
                end_ms=round(1000 * word.end),
                text=word.word.strip(),
                probability=float(word.probability),
            )
            for word in segment.words or ()
            if word.word.strip()
        ]
        for segment in segments
    ]
    return [words for words in found if words]
