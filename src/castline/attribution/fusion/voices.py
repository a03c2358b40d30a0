"""What voices tell of a series, once its own labels have told which directions matter.

The voiceprints are adapted to the series first. In the space that results, lines are scored in two
ways: by a model of how people differ, and by a regression that assumes nothing of the kind.
"""

from __future__ import annotations

from castline.attribution.fusion.plda import plda_scores
from castline.attribution.fusion.ridge import ridge_scores
from castline.attribution.fusion.voice_space import VoiceSpace, adapt_voices

__all__ = ["VoiceSpace", "adapt_voices", "plda_scores", "ridge_scores"]
