"""Networks opened in onnxruntime, and ONNX files made once from weights of other formats."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from castline.errors import InputError, StorageError
from castline.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["open_converted", "open_network"]


def open_network(model: Path | bytes, *, threads: int = 1) -> Any:
    """An onnxruntime session on the processor.

    Args:
        model: An ONNX file or its content.
        threads: Within one operation; they sleep while they wait.

    Raises:
        InputError: The file is no network that onnxruntime can run.
    """
    import onnxruntime

    # On Windows it would report which networks are run to the makers of the system.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait slow down everything else on a shared machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    content = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime raises a family of its own that shares nothing but Exception.
        place = "a network in memory" if isinstance(model, bytes) else model
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            place,
            f"onnxruntime cannot run this network ({reason}).",
            remedy="Check that it is an ONNX file, whole, and for this version.",
        ) from error


def open_converted(
    folder: Path, name: str, convert: Callable[[], bytes], *, threads: int = 1
) -> Any:
    """A network made from weights of another format; its ONNX file is kept for the next time.

    Args:
        folder: The models folder; the file goes to `converted/` in it. A folder that cannot be
            written, such as one shared by many users, only costs the conversion in every process.
        name: Of the file; it must change with the weights and with the conversion.
        convert: Makes the content.
        threads: See `open_network`.
    """
    path = folder / "converted" / f"{name}.onnx"
    if path.exists():
        # A file that was damaged since is made again.
        with contextlib.suppress(InputError):
            return open_network(path, threads=threads)
    content = convert()
    with contextlib.suppress(StorageError):
        write_atomically(path, content)
    return open_network(content, threads=threads)
