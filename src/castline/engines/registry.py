"""Names of engines, by what they do.

Each stands for a class that is made with `(folder, threads)` and carries its `manifest`; see
`castline.engines.base`. Other distributions add engines through the entry points named here; a
user's own ONNX network comes in through `castline models add` instead.
"""

from __future__ import annotations

from typing import Any

from castline.registry import Registry

__all__ = ["FACES", "KINDS", "SPEECH", "SPEECH_ACTIVITY", "SPEECH_DETECTOR", "TEXT", "VOICES"]

FACES: Registry[Any] = Registry(
    "face engine",
    "castline.face_engines",
    {"dlib": "castline.engines.dlib_faces:DlibFaces"},
)

VOICES: Registry[Any] = Registry(
    "voice engine",
    "castline.voice_engines",
    {"ge2e": "castline.engines.ge2e:Ge2eVoices"},
)

SPEECH_ACTIVITY: Registry[Any] = Registry(
    "speech detector",
    "castline.speech_activity_engines",
    {"silero": "castline.engines.silero:SileroSpeech"},
)

SPEECH_DETECTOR = "silero"
"""The one that listens to films."""

SPEECH: Registry[Any] = Registry(
    "speech recogniser",
    "castline.speech_engines",
    {"faster-whisper": "castline.engines.speech:WhisperSpeech"},
)

TEXT: Registry[Any] = Registry(
    "text reader",
    "castline.text_engines",
    {"rapidocr": "castline.engines.rapid_ocr:RapidOcr"},
)

KINDS: dict[str, Registry[Any]] = {
    "faces": FACES,
    "voices": VOICES,
    "speech-activity": SPEECH_ACTIVITY,
    "speech": SPEECH,
    "text": TEXT,
}
"""Kind of a manifest to the engines of that kind."""
