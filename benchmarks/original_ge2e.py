"""Embeds clips with the original program of GE2E, for `speakers.py --original`.

    PYTHON original_ge2e.py CLIPS.npz EMBEDDINGS.npz

PYTHON has torch and librosa installed, and Resemblyzer without its dependencies
(`pip install --no-deps Resemblyzer==0.1.4`).
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np


def main() -> None:
    """Read the clips, embed each, write the embeddings."""
    # Resemblyzer imports these for cutting out silence, which is not done here.
    sys.modules["webrtcvad"] = ModuleType("webrtcvad")
    morphology: Any = ModuleType("scipy.ndimage.morphology")
    morphology.binary_dilation = None
    sys.modules["scipy.ndimage.morphology"] = morphology
    original: Any = import_module("resemblyzer.voice_encoder").VoiceEncoder("cpu", verbose=False)
    normalize: Any = import_module("resemblyzer.audio").normalize_volume
    with np.load(sys.argv[1]) as clips:
        made = {
            name: original.embed_utterance(normalize(clips[name], -30, increase_only=True))
            for name in clips.files
        }
    np.savez(sys.argv[2], **made)


if __name__ == "__main__":
    main()
