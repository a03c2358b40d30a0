"""Writes the golden arrays of these tests with the original programs.

    python tests/engines/make_golden.py PRETRAINED.PT

Needs torch, librosa and kaldi-native-fbank, which Castline itself never uses: run it in an
environment of its own. PRETRAINED.PT is the weight file of Resemblyzer 0.1.4.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def golden_sound() -> np.ndarray[Any, Any]:
    """1.7 s at 16 kHz: a tone that rises, with noise and a pause."""
    rng = np.random.default_rng(5)
    time = np.arange(27_200) / 16_000
    tone = 0.2 * np.sin(2 * np.pi * (200 * time + 900 * time**2))
    sound = tone + 0.02 * rng.standard_normal(time.size)
    sound[12_000:14_000] *= 0.001
    return sound.astype(np.float32)


def golden_windows() -> np.ndarray[Any, Any]:
    """Four windows of mel power as loud as those of speech."""
    rng = np.random.default_rng(6)
    return (rng.standard_normal((4, 160, 40)) ** 2 * 0.05).astype(np.float32)


def original_embeddings(weights: Path, mels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What PyTorch's own LSTM makes of windows."""
    torch: Any = import_module("torch")
    state = torch.load(weights, map_location="cpu", weights_only=False)["model_state"]
    lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
    lstm.load_state_dict({k[5:]: v for k, v in state.items() if k.startswith("lstm.")})
    with torch.no_grad():
        _, (hidden, _) = lstm(torch.from_numpy(mels))
        raw = hidden[-1] @ state["linear.weight"].T + state["linear.bias"]
        positive = torch.relu(raw)
        unit: np.ndarray[Any, Any] = (positive / positive.norm(dim=1, keepdim=True)).numpy()
    return unit


def original_mel(sound: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What librosa makes of a sound, with the settings of Resemblyzer."""
    librosa: Any = import_module("librosa")
    mel = librosa.feature.melspectrogram(y=sound, sr=16_000, n_fft=400, hop_length=160, n_mels=40)
    return np.asarray(mel.T, np.float32)


def original_fbank(sound: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What Kaldi's own code makes of a sound, without dither."""
    knf: Any = import_module("kaldi_native_fbank")
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = 16_000
    options.mel_opts.num_bins = 80
    options.energy_floor = 0
    made = knf.OnlineFbank(options)
    made.accept_waveform(16_000, sound.tolist())
    made.input_finished()
    return np.stack([made.get_frame(each) for each in range(made.num_frames_ready)])


def main() -> None:
    """Write both files."""
    sound = golden_sound()
    np.savez_compressed(
        HERE / "golden_ge2e.npz",
        embeddings=original_embeddings(Path(sys.argv[1]), golden_windows()),
        mel=original_mel(sound),
    )
    np.savez_compressed(HERE / "golden_fbank.npz", fbank=original_fbank(sound))


if __name__ == "__main__":
    main()
