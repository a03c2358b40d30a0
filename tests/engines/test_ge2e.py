"""GE2E: the original network and its front end, from weights read without PyTorch."""

from __future__ import annotations

import io
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from castline.engines.ge2e import Ge2eVoices
from castline.engines.spectra import kaldi_fbank, slaney_mel
from castline.engines.torch_files import read_torch_file
from castline.errors import InputError
from castline.testing.synthetic_voices import VOICES, speak
from tests.conftest import Weights
from tests.engines.make_golden import golden_sound, golden_windows

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def engine(weights: Weights) -> Ge2eVoices:
    return Ge2eVoices(weights("ge2e"))


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    with np.load(HERE / "golden_ge2e.npz", allow_pickle=False) as held:
        return dict(held)


def test_the_converted_network_equals_the_original(
    engine: Ge2eVoices, golden: dict[str, Any]
) -> None:
    made = engine.embed_windows(golden_windows())

    assert np.abs(made - golden["embeddings"]).max() < 1e-5


def test_the_mel_spectrum_equals_that_of_librosa(golden: dict[str, Any]) -> None:
    made = slaney_mel(golden_sound(), 40)

    assert made.shape == golden["mel"].shape == (171, 40)
    np.testing.assert_allclose(made, golden["mel"], rtol=1e-4, atol=1e-6)


def test_the_log_mel_bands_equal_those_of_kaldi() -> None:
    with np.load(HERE / "golden_fbank.npz", allow_pickle=False) as held:
        golden = held["fbank"]

    made = kaldi_fbank(golden_sound(), 80)

    assert made.shape == golden.shape
    np.testing.assert_allclose(made, golden, atol=2e-3)


def test_sound_shorter_than_a_frame_has_no_bands_of_kaldi() -> None:
    assert kaldi_fbank(np.ones(399, np.float32)).shape == (0, 80)


def test_long_sound_is_transformed_in_parts_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = golden_sound()
    whole = slaney_mel(sound), kaldi_fbank(sound)
    monkeypatch.setattr("castline.engines.spectra._AT_ONCE", 50)

    np.testing.assert_allclose(slaney_mel(sound), whole[0], rtol=1e-5)
    np.testing.assert_allclose(kaldi_fbank(sound), whole[1], rtol=1e-5, atol=1e-5)


def test_one_voice_is_more_like_itself_than_like_another(engine: Ge2eVoices) -> None:
    clips = [speak(voice, 2.0, [number, take]) for number, voice in enumerate(VOICES[:3])
             for take in range(2)]  # fmt: skip

    similarity = engine.embed(clips) @ engine.embed(clips).T

    same = [similarity[2 * each, 2 * each + 1] for each in range(3)]
    different = [similarity[i, j] for i in range(6) for j in range(6) if i // 2 != j // 2]
    assert min(same) > max(different)


def test_embeddings_are_unit_rows_whatever_the_length_of_the_clips(engine: Ge2eVoices) -> None:
    clips = [speak(VOICES[0], seconds, 1) for seconds in (0.25, 1.0, 1.6, 1.61, 4.3)]

    made = engine.embed(clips)

    assert made.shape == (5, engine.size)
    assert made.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)


def test_a_clip_gets_the_same_numbers_alone_and_among_others(engine: Ge2eVoices) -> None:
    clips = [speak(VOICES[each], 0.5 + 0.7 * each, each) for each in range(4)]

    together = engine.embed(clips)

    for clip, row in zip(clips, together, strict=True):
        np.testing.assert_allclose(engine.embed([clip])[0], row, atol=1e-5)


def test_a_quiet_clip_sounds_like_the_same_clip_at_the_usual_level(engine: Ge2eVoices) -> None:
    clip = speak(VOICES[1], 2.0, 3)
    at_level = clip * np.float32(0.03 / np.sqrt(np.mean(clip**2)))

    made = engine.embed([at_level, at_level * np.float32(0.05)])

    assert made[0] @ made[1] > 0.999


@pytest.mark.parametrize(
    "clip",
    [np.zeros(0, np.float32), np.zeros(32_000, np.float32), np.full(3199, 0.1, np.float32)],
    ids=["empty", "silent", "under 0.2 s"],
)
def test_a_clip_without_enough_sound_gets_zeros(
    engine: Ge2eVoices, clip: np.ndarray[Any, Any]
) -> None:
    made = engine.embed([clip, speak(VOICES[0], 1.0, 1)])

    assert not made[0].any()
    assert made[1].any()


def test_no_clips_give_no_rows(engine: Ge2eVoices) -> None:
    assert engine.embed([]).shape == (0, 256)


def test_the_conversion_is_kept_and_a_damaged_one_is_made_again(
    weights: Weights, tmp_path: Path
) -> None:
    (tmp_path / "ge2e.pt").symlink_to(weights("ge2e") / "ge2e.pt")
    clip = [speak(VOICES[0], 1.0, 1)]
    first = Ge2eVoices(tmp_path).embed(clip)
    (kept,) = (tmp_path / "converted").iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[:5000])

    again = Ge2eVoices(tmp_path).embed(clip)

    np.testing.assert_array_equal(first, again)
    assert kept.read_bytes() == content


def test_missing_weights_are_named_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ge2e\.pt.*does not exist"):
        Ge2eVoices(tmp_path).embed([np.ones(16_000, np.float32)])


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ge2e.pt"
    path.write_bytes(torch_file(OrderedDict(model_state={"other": 1})))

    with pytest.raises(InputError, match="not the weights of GE2E"):
        Ge2eVoices(tmp_path).embed([np.ones(16_000, np.float32)])


class Storage:
    """Pickles as PyTorch's storages do: by a persistent id."""

    def __init__(self, key: str, count: int) -> None:
        self.key, self.count = key, count


class Named:
    """Pickles as a name in another module."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Writer(pickle._Pickler):
    """Writes what `torch.save` wrote before 1.6; pure Python, so that names can be made up."""

    def persistent_id(self, obj: Any) -> Any:
        if isinstance(obj, Storage):
            kind = Named("torch", "FloatStorage")
            return ("storage", kind, obj.key, "cpu", obj.count, None)
        return None

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Named):
            self.write(b"c" + f"{obj.module}\n{obj.name}\n".encode())  # type: ignore[attr-defined]
        else:
            super().save(obj, save_persistent_id)  # type: ignore[misc]


class Tensor:
    """Pickles as a PyTorch tensor does: a call that rebuilds it."""

    def __init__(self, storage: Storage, offset: int, shape: Any, stride: Any) -> None:
        self.arguments: Any = (storage, offset, shape, stride, False, OrderedDict())

    def __reduce__(self) -> Any:
        return Rebuild(), self.arguments


class Rebuild(Named):
    def __init__(self) -> None:
        super().__init__("torch._utils", "_rebuild_tensor_v2")

    def __call__(self) -> None: ...


def torch_file(held: Any, storages: dict[str, np.ndarray[Any, Any]] | None = None) -> bytes:
    storages = storages or {}
    stream = io.BytesIO()
    for each in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, held, list(storages)):
        Writer(stream, protocol=2).dump(each)
    for numbers in storages.values():
        stream.write(struct.pack("<q", numbers.size) + numbers.astype("<f4").tobytes())
    return stream.getvalue()


def test_tensors_are_read_by_offset_and_stride(tmp_path: Path) -> None:
    storage = Storage("7", 6)
    rows, turned = Tensor(storage, 0, (2, 3), (3, 1)), Tensor(storage, 1, (2, 2), (1, 3))
    held = {"rows": rows, "turned": turned, "epoch": 5}
    path = tmp_path / "w.pt"
    path.write_bytes(torch_file(held, {"7": np.arange(6)}))

    read = read_torch_file(path)

    assert read["rows"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read["turned"].tolist() == [[1, 4], [2, 5]]
    assert read["epoch"] == 5


@pytest.mark.parametrize(
    ("held", "problem"),
    [
        (Named("os", "system"), "os.system has no place"),
        (Named("builtins", "eval"), "builtins.eval has no place"),
        (Named("torch", "load"), "torch.load has no place"),
        ([Tensor(Storage("0", 4), 0, (5,), (1,))], "shape"),
        ([Tensor(Storage("0", 4), 2, (4,), (1,))], "IndexError"),
        ([Tensor(Storage("0", 4), -1, (2,), (1,))], "before its storage"),
        ([Tensor(Storage("0", 9), 0, (2,), (1,))], "9 are named"),
    ],
    ids=["os.system", "eval", "torch.load", "too large", "beyond", "before", "other count"],
)
def test_a_hostile_weight_file_is_refused(tmp_path: Path, held: Any, problem: str) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(torch_file(held, {"0": np.arange(4)}))

    with pytest.raises(InputError, match=problem):
        read_torch_file(path)


def test_a_weight_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = torch_file({"w": Tensor(Storage("0", 4), 0, (4,), (1,))}, {"0": np.arange(4)})
    path = tmp_path / "w.pt"
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(InputError):
            read_torch_file(path)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps({"a": 1}))

    with pytest.raises(InputError, match=r"no weight file of PyTorch before 1\.6"):
        read_torch_file(path)


@pytest.mark.slow
def test_made_voices_are_told_apart_in_lines_of_a_second_and_a_half(weights: Weights) -> None:
    from castline.engines.calibration import equal_error
    from castline.testing.synthetic_voices import VOICES, speak

    engine = Ge2eVoices(weights("ge2e"))
    lengths = (1.4, 1.6, 2.0, 2.4, 3.0)
    clips = [
        speak(voice, length, [100 + number, place])
        for number, voice in enumerate(VOICES)
        for place, length in enumerate(lengths)
    ]
    who = np.repeat(np.arange(len(VOICES)), len(lengths))
    first, second = np.triu_indices(len(clips), 1)
    rows = engine.embed(clips)

    error, _ = equal_error((rows @ rows.T)[first, second], who[first] == who[second])

    assert error <= 0.05
