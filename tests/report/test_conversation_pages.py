"""The pages of conversations: whole, linked, small enough, and safe whatever was said."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl
import pytest
from typer.testing import CliRunner, Result

import castline
from castline.agents.driver import DriverParams
from castline.agents.messages import Reply, ToolCall, Usage
from castline.agents.traces import Said, Trace, TraceWriter, Turn, read_traces, trace_file
from castline.cli import app
from castline.project import Project
from castline.report import conversations
from castline.report.conversations import judged_variants, write_conversations
from castline.testing.scripted import start_scripted
from castline.testing.series import make_series, write_series
from tests.report.outlines import EVIL, PAGE_TAGS, Outline, outline

VARIANT = "reasoning-propagation-released"
TAGS = PAGE_TAGS | {"article", "nav", "a", "pre", "code", "fieldset", "legend", "label", "input"}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose doubtful lines a model was asked about; read only."""
    project = Project.create(tmp_path_factory.mktemp("asked") / "project", name="Asked")
    write_series(
        project, make_series(cast=6, lines=90, episodes=2, noise=1.0, width=16, seed=5, extras=0.15)
    )
    castline.attribute(project, method="nearest-seed")
    with start_scripted("first-candidate") as endpoint:
        castline.attribute(
            project,
            method="reasoning",
            base="propagation",
            endpoints=(endpoint,),
            settings={"probe": 3, "probe_limit": 1.0, "share": 0.2, "language": "en"},
            driver=DriverParams(attempts=1),
        )
    return project


@pytest.fixture
def project(asked: Project, tmp_path: Path) -> Project:
    """A copy of it."""
    return Project.open(shutil.copytree(asked.folder, tmp_path / "project"))


def pages_of(index: Path) -> list[Path]:
    return sorted(path for path in index.parent.iterdir() if path != index)


def written(project: Project) -> Path:
    index = write_conversations(project, VARIANT, project.folder / "pages")
    assert index is not None
    return index


def read(path: Path) -> Outline:
    return outline(path.read_text(encoding="utf-8"))


def traces_of(project: Project) -> Iterator[Trace]:
    for path in sorted((project.folder / "traces").glob(f"{VARIANT}-*.jsonl")):
        yield from read_traces(path)


def replace_traces(project: Project, traces: list[Trace]) -> None:
    shutil.rmtree(project.folder / "traces")
    writer = TraceWriter(trace_file(project.folder / "traces", f"{VARIANT}-1"))
    for each in traces:
        writer.add(each)
    writer.close()


def test_every_conversation_stands_in_the_index_and_leads_to_its_place(project: Project) -> None:
    index = written(project)
    links = [value for _, name, value in read(index).attributes if name == "href"]
    traces = list(traces_of(project))
    assert len(links) == len(set(links)) == len(traces) > 10
    anchors = {
        f"{page.name}#{value}"
        for page in pages_of(index)
        for tag, name, value in read(page).attributes
        if (tag, name) == ("article", "id")
    }
    assert set(links) == anchors


def test_a_conversation_stands_beside_what_each_method_says(project: Project) -> None:
    index = written(project)
    text = "".join(read(page).text for page in pages_of(index))
    for trace in traces_of(project):
        assert trace.id in text
        assert f"answered {trace.answer}" in text
        for said in trace.messages[2:]:
            if said.role == "user":
                assert said.text in text
    for variant in ("propagation-released", "nearest-seed-released", VARIANT):
        assert variant in text
    store = project.store
    labels = pl.concat([store.read("labels", each, VARIANT) for each in project.episodes()])
    probe = next(traces_of(project)).id
    confidence = labels.filter(line=probe)["confidence"][0]
    assert f"{100 * confidence:.1f}\N{NO-BREAK SPACE}% sure" in text


def test_the_truth_is_not_read(project: Project) -> None:
    before = written(project).read_text(encoding="utf-8")
    for episode in project.episodes():
        project.store.path("truth", episode).unlink()
    assert written(project).read_text(encoding="utf-8") == before


def test_lines_with_another_speaker_than_before_count_as_changed(project: Project) -> None:
    found = project.store.read("asked", variant=VARIANT)
    changed = set(found.filter("changed")["line"].to_list())
    assert changed
    page = written(project).read_text(encoding="utf-8")
    marked = {
        re.search(r"<bdi>([^<]+)</bdi></a>", row)[1]  # type: ignore[index]
        for row in re.findall(r"<tr class=.*?</tr>", page)
        if '<strong class="changed">' in row
    }
    assert marked == changed
    assert f"<dd>{len(changed)}</dd>" in page


def test_the_index_is_narrowed_without_a_script(project: Project) -> None:
    traces = list(traces_of(project))
    replace_traces(
        project,
        [
            msgspec.structs.replace(traces[0], status="failed", fault="timeout", answer=None),
            msgspec.structs.replace(traces[1], status="gave up", answer=None),
            *traces[2:],
        ],
    )
    page = written(project).read_text(encoding="utf-8")
    for word in ("timeout", "gave up"):
        choice = re.search(rf'id="(\w+)"> <bdi>{word}</bdi> <span class="soft">1</span>', page)
        assert choice is not None
        name = choice[1]
        assert f"body:has(#{name}:checked) tr:not(.{name}, .head) {{ display: none; }}" in page
        rows = re.findall(rf'<tr class="(?:[^"]* )?{name} .*?</tr>', page)
        assert [f'<td data-head="ended">{word}</td>' in row for row in rows] == [True]


def test_the_pages_need_nothing_else(project: Project) -> None:
    index = written(project)
    for path in (index, *pages_of(index)):
        found = read(path)
        assert set(found.tags) <= TAGS
        assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in (
            found.attributes
        )
        assert not [a for a in found.attributes if a[1] in ("src", "srcset", "style", "action")]
        ids = [value for _, name, value in found.attributes if name == "id"]
        assert len(ids) == len(set(ids))
        for _, name, value in found.attributes:
            if name == "href" and value.startswith("#"):
                assert value[1:] in ids
            elif name == "href":
                assert (path.parent / value.partition("#")[0]).is_file()


def test_many_conversations_fill_pages_that_lead_to_each_other(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "_PAGE_MOST", 5)
    traces = list(traces_of(project))[:10]
    replace_traces(project, traces)
    index = written(project)
    assert [path.name for path in pages_of(index)] == ["001.html", "002.html"]
    first, second = (read(path) for path in pages_of(index))
    assert ("a", "rel", "next") in first.attributes
    assert ("a", "rel", "prev") not in first.attributes
    assert ("a", "href", "001.html") in second.attributes
    assert ("a", "rel", "next") not in second.attributes


def test_a_page_is_full_by_its_size_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "_PAGE_BYTES", 60_000)
    sizes = [path.stat().st_size for path in pages_of(written(project))]
    assert len(sizes) > 2
    assert max(sizes) < 120_000


def test_pages_of_an_earlier_run_go_and_other_files_stay(project: Project) -> None:
    folder = project.folder / "pages"
    folder.mkdir()
    for name in ("002.html", "999.html", "notes.html", "1.html"):
        (folder / name).write_text("old", encoding="utf-8")
    written(project)
    assert {path.name for path in folder.iterdir()} == {
        "index.html",
        "001.html",
        "notes.html",
        "1.html",
    }


def hostile(line: str, number: int, evil: str) -> Trace:
    calls = (ToolCall(evil, evil, evil),)
    reply = Reply(
        f"<think>{evil}</think><tool>{evil}</tool>", calls, evil, Usage(1, 1), 0.1, evil, evil, evil
    )
    messages = (
        Said("system", evil),
        Said("user", evil),
        Said("assistant", reply.text, calls=calls),
        Said("tool", evil, call_id=evil),
    )
    return Trace(
        "t",
        line,
        number,
        evil,
        fault=evil if number % 2 else "",
        answer=[evil] if number % 3 else evil,
        why=evil,
        facts={evil: evil},
        messages=messages,
        turns=(Turn(reply, from_store=False),) * 2,
    )


NASTY = [*EVIL, "\x1b[31mred\x07\x00", "\u202eturned", "<think>", "x" * 100_000, "<i>\n" * 25_000]


def test_whatever_models_and_strangers_write_stays_text(project: Project) -> None:
    store, episode = project.store, project.episodes()[0]
    for table, column, variant in (
        ("lines", "text", ""),
        ("labels", "character", VARIANT),
        ("labels", "character", "propagation-released"),
        ("candidates", "character", "nearest-seed-released"),
    ):
        frame = store.read(table, episode, variant)
        texts = [NASTY[i % len(NASTY)] for i in range(frame.height)]
        manifest = store.manifest(table, episode, variant)
        assert manifest is not None
        more = {name: getattr(manifest, name) for name in ("stage", "key", "parameters", "inputs")}
        changed = frame.with_columns(pl.Series(column, texts))
        store.write(table, changed, episode, variant, **more)
    lines = [*store.read("lines", episode)["line"].to_list()[: len(NASTY)], *NASTY]
    replace_traces(
        project, [hostile(line, at, NASTY[at % len(NASTY)]) for at, line in enumerate(lines)]
    )
    index = written(project)
    text = ""
    for path in (index, *pages_of(index)):
        found = read(path)
        assert set(found.tags) <= TAGS
        assert not [name for _, name, _ in found.attributes if name.startswith("on")]
        assert not set("\x00\x07\x1b\u202e") & set(path.read_text(encoding="utf-8"))
        assert path.stat().st_size < 10_000_000
        text += found.text
    for evil in EVIL:
        assert evil in text
    assert "characters left out" in text


def test_lines_that_the_series_lost_and_labels_that_are_not_there_are_said(
    project: Project,
) -> None:
    shutil.rmtree(project.folder / "tables" / "labels")
    traces = list(traces_of(project))[:2]
    replace_traces(project, [traces[0], msgspec.structs.replace(traces[1], id="gone")])
    text = "".join(read(page).text for page in pages_of(written(project)))
    assert "No method has labelled this line." in text
    assert "The series does not have this line." in text


def test_only_conversations_about_these_labels_are_shown(project: Project) -> None:
    folder = project.folder / "traces"
    some = next(folder.glob(f"{VARIANT}-1.jsonl")).read_bytes()
    for other in (f"{VARIANT}-relations-2", "reasoning-released-1", f"{VARIANT}-0", "captions"):
        (folder / f"{other}.jsonl").write_bytes(some)
    before = sum(1 for part in ("probe", "1", "2") for _ in _part(folder, part))
    links = [value for _, name, value in read(written(project)).attributes if name == "href"]
    assert len(links) == before
    assert judged_variants(project) == [VARIANT]


def _part(folder: Path, part: str) -> Iterator[Trace]:
    path = folder / f"{VARIANT}-{part}.jsonl"
    return read_traces(path) if path.exists() else iter(())


def test_labels_that_no_model_judged_have_no_pages(project: Project) -> None:
    assert write_conversations(project, "propagation-released", project.folder / "none") is None
    assert not (project.folder / "none").exists()


def test_the_command_writes_the_pages_of_all_labels_that_a_model_judged(
    project: Project, tmp_path: Path
) -> None:
    def traces(*words: str | Path) -> Result:
        return CliRunner().invoke(app, ["traces", *map(str, words), "--report"])

    done = traces(project.folder)
    index = project.folder / "reports" / f"{VARIANT}-conversations" / "index.html"
    assert done.output == f"{VARIANT}: {index}\n"
    assert index.is_file()
    assert traces(project.folder, "--task", "x").exit_code == 2
    none = traces(Project.create(tmp_path / "new").folder)
    assert none.output == "no conversations about labels\n"


def test_the_evaluation_links_to_the_conversations_beside_it(project: Project) -> None:
    page = project.folder / "out" / "100 % <odd>#name?.html"
    outcome = castline.evaluate(project, method="reasoning-propagation", report=page)
    assert outcome.conversations == page.parent / "100 % <odd>#name?-conversations" / "index.html"
    assert outcome.conversations.is_file()
    found = outline(page.read_text(encoding="utf-8"))
    assert ("a", "href", "100%20%25%20%3Codd%3E%23name%3F-conversations/index.html") in (
        found.attributes
    )
    plain = castline.evaluate(project, method="propagation")
    assert plain.conversations is None
    assert "a" not in outline(plain.report.read_text(encoding="utf-8")).tags
