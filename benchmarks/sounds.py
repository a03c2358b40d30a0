"""Sound files for benchmarks of voices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from castline.engines.base import SOUND_RATE


def read_sound(path: Path) -> npt.NDArray[np.float32]:
    """(samples,) of a file, mono at 16 kHz."""
    import av

    with av.open(str(path)) as opened:
        resampler = av.AudioResampler("flt", "mono", SOUND_RATE)
        parts = [
            made.to_ndarray()[0]
            for frame in opened.decode(audio=0)
            for made in resampler.resample(frame)
        ]
        parts += [made.to_ndarray()[0] for made in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32, copy=False)
