"""The contracts of engines, and the manifest that each carries.

An engine turns pictures or sound into numbers; it decides nothing. It is made with the folder that
holds its weights, loads them on the first call, runs on one thread unless told otherwise, and gives
the same numbers for the same input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = [
    "SOUND_RATE",
    "Calibration",
    "Detections",
    "FaceEngine",
    "Manifest",
    "SpeechDetector",
    "SpeechRecogniser",
    "TextFound",
    "TextReader",
    "VoiceEngine",
    "WeightFile",
    "Word",
]

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
"""(H, W, 3) RGB."""

SOUND_RATE = 16_000
"""Samples a second of all sound that engines get: mono, float32, -1 to 1."""


class WeightFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file of weights and where it comes from.

    Attributes:
        name: Its file name in the models folder.
        sha256: Digest of the file, in lower-case hexadecimal.
        bytes: Its size.
        package: The PyPI distribution that carries it, as `name==version`; empty when a user
            added the file by hand.
        member: Its path inside that distribution.
    """

    name: str
    sha256: str
    bytes: int
    package: str = ""
    member: str = ""


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """How an engine's similarities become those of the common scale.

    The common scale is that of the published thresholds (ERes2Net: different people about 0.1, the
    same person about 0.6; 0.45 to 0.75 decide). Embeddings are changed, not scores, so that every
    method may go on with plain dot products: `unit(v - centre)`, then similarity s becomes
    `scale * s + 1 - scale`, made true by one more dimension.

    Attributes:
        centre: Subtracted from each unit embedding; empty for none.
        scale: In (0, 1].
        fitted_on: The named pairs it was fitted on, in words.
    """

    centre: tuple[Annotated[float, msgspec.Meta(ge=-1, le=1)], ...] = ()
    scale: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    fitted_on: str = "not fitted"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an engine before it is loaded.

    Attributes:
        name: Its name in commands and tables.
        kind: `faces`, `voices`, `speech-activity`, `speech` or `text`.
        version: Raised when it would give other numbers.
        files: Its weights.
        licence: Licence of the weights, in a few words.
        remarks: What else a user should know of it: what they were trained on, and its terms.
        research_only: The weights forbid commercial use.
        source: Who made them.
        calibration: To the common scale, for engines that give embeddings.
        adapter: Digest of how a network that a user added is fed and read; empty for all others.
    """

    name: str
    kind: str
    version: int
    files: tuple[WeightFile, ...]
    licence: str
    source: str
    remarks: str = ""
    research_only: bool = False
    calibration: Calibration = Calibration()
    adapter: str = ""

    @property
    def fingerprint(self) -> str:
        """Changes when the engine would give other numbers: part of the key of every stage."""
        digests = [*(file.sha256 for file in self.files), *filter(None, [self.adapter])]
        return "+".join([f"{self.name}@{self.version}", *(each[:16] for each in digests)])


@dataclass(frozen=True)
class Detections:
    """Faces found in one picture, best first.

    Attributes:
        boxes: (n, 4) left, top, right, bottom in pixels; may reach outside the picture.
        scores: (n,) the engine's own score. From its `certain` on it is a face; what scores less
            counts only beside better pictures of the same face.
        points: (n, k, 2) the engine's own landmarks in pixels, handed back to `embed`.
        mouths: (n, 4) the box of the mouth with lips and chin, in pixels.
    """

    boxes: Floats
    scores: Floats
    points: Floats
    mouths: Floats

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: npt.NDArray[np.int64]) -> Detections:
        """Only these rows."""
        return Detections(self.boxes[rows], self.scores[rows], self.points[rows], self.mouths[rows])


class FaceEngine(Protocol):
    """Finds faces and says what they look like."""

    manifest: Manifest
    size: int
    """Numbers of an embedding."""
    certain: float
    """Score from which a face that was found once is surely one."""

    def detect(
        self, picture: Picture, *, smallest: int, around: Floats | None = None
    ) -> Detections:
        """Find faces.

        Args:
            picture: (H, W, 3) RGB.
            smallest: Width in pixels of the smallest box that must be found; finding smaller ones
                costs time.
            around: (m, 4) boxes of faces in a picture shortly before; when given, only their
                surroundings are searched, at about their size, which is much faster.
        """
        ...

    def embed(self, picture: Picture, faces: Detections) -> Floats:
        """(n, size) unit embeddings of faces that `detect` found in the same picture."""
        ...


class VoiceEngine(Protocol):
    """Says what voices sound like."""

    manifest: Manifest
    size: int
    """Numbers of an embedding."""

    def embed(self, clips: Sequence[Floats]) -> Floats:
        """(n, size) unit embeddings of n clips of sound; zeros for a clip without enough sound."""
        ...


class SpeechDetector(Protocol):
    """Says when somebody speaks."""

    manifest: Manifest
    hop_ms: float
    """Time between two probabilities."""

    def probabilities(self, sound: Floats) -> Floats:
        """(frames,) probability of speech, one every `hop_ms` from the start of the sound."""
        ...


@dataclass(frozen=True)
class Word:
    """One recognised word; times in milliseconds from the start of the sound."""

    start_ms: int
    end_ms: int
    text: str
    probability: float


class SpeechRecogniser(Protocol):
    """Writes down what is said."""

    manifest: Manifest

    def words(self, sound: Floats, *, language: str | None = None) -> list[list[Word]]:
        """The words, one list for each segment that belongs together, in order of time."""
        ...


@dataclass(frozen=True)
class TextFound:
    """One line of writing in a picture.

    Attributes:
        box: Left, top, right, bottom in pixels.
        text: What it says.
        score: Probability that it is read right, 0 to 1.
    """

    box: tuple[float, float, float, float]
    text: str
    score: float


class TextReader(Protocol):
    """Reads writing in pictures."""

    manifest: Manifest

    def read(self, picture: Picture) -> list[TextFound]:
        """Every line of writing, from top to bottom."""
        ...
