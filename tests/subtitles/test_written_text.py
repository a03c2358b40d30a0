"""The text of each format, as a reader of files would see it; other libraries judge it too."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from castline.subtitles import Cue, Document, Part, get_format

VOICES = (Part("Anna", "It is me."), Part("Ben", "And me!"))
DOCUMENT = Document(
    (
        Cue(1000, 2500, "Who's <i>there</i>?", ("Smith, John",)),
        Cue(2000, 4000, "It is me.\nAnd me!", ("Anna", "Ben"), parts=VOICES),
        Cue(4500, 5000, "Run & hide", ("Anna",), manner="whispering", confidence=0.75),
        Cue(5000, 5500, "(door)", kind="sound", identifier="e1-4"),
    ),
    title="One",
    language="en",
)
WJ = "\u2060"

SRT = f"""\
1
00:00:01,000 --> 00:00:02,500
Smith, John:{WJ} Who's <i>there</i>?

2
00:00:02,000 --> 00:00:04,000
Anna: It is me.
Ben: And me!

3
00:00:04,500 --> 00:00:05,000
Anna (whispering): Run & hide

4
00:00:05,000 --> 00:00:05,500
(door)

"""

VTT = """\
WEBVTT - One
Language: en

00:00:01.000 --> 00:00:02.500
<v Smith, John>Who's <i>there</i>?</v>

00:00:02.000 --> 00:00:04.000
<v Anna>It is me.</v>
<v Ben>And me!</v>

00:00:04.500 --> 00:00:05.000
<v.whispering Anna>Run &amp; hide</v>

e1-4
00:00:05.000 --> 00:00:05.500
(door)

"""

ASS_EVENTS = r"""
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.50,Smith%2C John,Smith%2C John,0,0,0,,Who's {\i1}there{\i0}?
Dialogue: 0,0:00:02.00,0:00:04.00,Anna,Anna,0,0,0,,It is me.
Dialogue: 0,0:00:02.00,0:00:04.00,Ben,Ben,0,0,0,,And me!
Dialogue: 0,0:00:04.50,0:00:05.00,Anna,Anna,0,0,0,,Run & hide
Dialogue: 0,0:00:05.00,0:00:05.50,Sound,,0,0,0,,(door)
"""

RTTM = """\
SPEAKER One 1 1.000 1.500 <NA> <NA> Smith,%20John <NA> <NA>
SPEAKER One 1 2.000 2.000 <NA> <NA> Anna <NA> <NA>
SPEAKER One 1 2.000 2.000 <NA> <NA> Ben <NA> <NA>
SPEAKER One 1 4.500 0.500 <NA> <NA> Anna 0.75 <NA>
SPEAKER One 1 5.000 0.500 <NA> <NA> <NA> <NA> <NA>
"""

CSV = """\
start_ms,end_ms,text,speakers,kind,manner,line,confidence,parts
1000,2500,Who's <i>there</i>?,"Smith, John",speech,,,,
2000,4000,"It is me.
And me!",Anna; Ben,speech,,,,"[{""speaker"":""Anna"",""text"":""It is me.""},\
{""speaker"":""Ben"",""text"":""And me!""}]"
4500,5000,Run & hide,Anna,speech,whispering,,0.75,
5000,5500,(door),,sound,,e1-4,,
"""

JSONL = """\
{"start_ms":1000,"end_ms":2500,"text":"Who's <i>there</i>?","speakers":["Smith, John"],\
"kind":"speech"}
{"start_ms":2000,"end_ms":4000,"text":"It is me.\\nAnd me!","speakers":["Anna","Ben"],\
"kind":"speech","parts":[{"speaker":"Anna","text":"It is me."},{"speaker":"Ben","text":"And me!"}]}
{"start_ms":4500,"end_ms":5000,"text":"Run & hide","speakers":["Anna"],"kind":"speech",\
"manner":"whispering","confidence":0.75}
{"start_ms":5000,"end_ms":5500,"text":"(door)","kind":"sound","line":"e1-4"}
"""

TEXTGRID_TIER = """\
    item [3]:
        class = "IntervalTier"
        name = "Ben"
        xmin = 0
        xmax = 5.500
        intervals: size = 3
        intervals [1]:
            xmin = 0.000
            xmax = 2.000
            text = ""
        intervals [2]:
            xmin = 2.000
            xmax = 4.000
            text = "And me!"
        intervals [3]:
            xmin = 4.000
            xmax = 5.500
            text = ""
"""


def written(name: str, document: Document = DOCUMENT, **options: Any) -> str:
    return get_format(name).encode(document, **options).decode("utf-8")


@pytest.mark.parametrize(
    ("name", "text"), [("srt", SRT), ("vtt", VTT), ("rttm", RTTM), ("csv", CSV), ("jsonl", JSONL)]
)
def test_the_whole_file(name: str, text: str) -> None:
    assert written(name) == text


def test_ass_events_and_one_style_a_character() -> None:
    text = written("ass")
    assert text.endswith(ASS_EVENTS)
    assert "Title: One\n" in text
    styles = [line.split(",")[0] for line in text.split("\n") if line.startswith("Style:")]
    assert styles[4:] == ["Style: Smith%2C John", "Style: Anna", "Style: Ben"]


def test_ass_colours_stay_with_the_name_and_can_be_given() -> None:
    from castline.subtitles.formats.ass import PALETTE, colours_of

    assert colours_of(["Anna", "Ben"])["Anna"] == colours_of(["Anna"])["Anna"]
    many = [f"extra {number}" for number in range(40)]
    assert set(colours_of(many).values()) == set(PALETTE)
    assert len(set(colours_of(many[: len(PALETTE)]).values())) == len(PALETTE)
    assert "Style: Anna,Arial,44,&H00332211," in written("ass", colours={"Anna": "#112233"})


def test_textgrid_tier() -> None:
    assert TEXTGRID_TIER in written("textgrid")


def test_srt_names_only_where_they_change_or_never() -> None:
    cues = tuple(Cue(n, n, "Hi.", (name,)) for n, name in enumerate(["Anna", "Anna", "Ben"]))
    text = written("srt", Document(cues), names="changes")
    assert [line for line in text.split("\n") if "Hi" in line] == ["Anna: Hi.", "Hi.", "Ben: Hi."]
    assert ":" not in written("srt", Document(cues[:1]), names="never").split("\n")[2]


def test_csv_guards_formulas_only_when_asked() -> None:
    document = Document((Cue(0, 1, "- =1+1", ("=cmd|x",)), Cue(1, 2, "'=quoted")))
    assert "\n0,1,- =1+1,=cmd|x,speech" in written("csv", document)
    guarded = get_format("csv").encode(document, guard=True)
    assert b"\n0,1,'- =1+1,'=cmd|x,speech" in guarded
    assert get_format("csv").decode(guarded, "x", guard=True).cues == document.cues


def test_overlapping_cues_of_one_speaker_go_to_a_second_tier() -> None:
    document = Document((Cue(0, 2000, "long", ("Anna",)), Cue(1000, 3000, "over", ("Anna",))))
    assert 'name = "Anna #2"' in written("textgrid", document)
    pytest.importorskip("pympi")
    assert 'TIER_ID="Anna 2" LINGUISTIC_TYPE_REF="default-lt" PARTICIPANT="Anna"' in written(
        "eaf", document
    )


def test_pysubs2_reads_our_ass() -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    subs = pysubs2.SSAFile.from_string(written("ass"))
    assert [(e.start, e.end, e.name, e.plaintext) for e in subs][:3] == [
        (1000, 2500, "Smith%2C John", "Who's there?"),
        (2000, 4000, "Anna", "It is me."),
        (2000, 4000, "Ben", "And me!"),
    ]


def test_webvtt_py_reads_our_vtt() -> None:
    webvtt = pytest.importorskip("webvtt")
    captions = webvtt.from_string(written("vtt")).captions
    assert [caption.voice for caption in captions] == ["Smith, John", "Anna", "Anna", None]


def test_pympi_reads_our_eaf(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan")
    path = tmp_path / "one.eaf"
    path.write_bytes(get_format("eaf").encode(DOCUMENT))
    eaf = elan.Eaf(str(path))
    assert set(eaf.get_tier_names()) == {
        *("Smith, John", "Anna", "Ben", "unknown"),
        *("manner@Anna", "confidence@Anna", "kind@unknown", "line@unknown"),
    }
    assert eaf.get_annotation_data_for_tier("Anna") == [
        (2000, 4000, "It is me."),
        (4500, 5000, "Run & hide"),
    ]
    assert eaf.get_parameters_for_tier("Anna")["PARTICIPANT"] == "Anna"
    assert eaf.get_ref_annotation_data_for_tier("manner@Anna")[0][:3] == (4500, 5000, "whispering")


def test_praatio_reads_our_textgrid(tmp_path: Path) -> None:
    textgrid = pytest.importorskip("praatio.textgrid")
    path = tmp_path / "one.TextGrid"
    path.write_bytes(get_format("textgrid").encode(DOCUMENT))
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ("Smith, John", "Anna", "Ben", "unknown")
    assert [tuple(entry) for entry in grid.getTier("Anna").entries] == [
        (2.0, 4.0, "It is me."),
        (4.5, 5.0, "Run & hide"),
    ]


def test_parquet_columns() -> None:
    import polars as pl

    frame = pl.read_parquet(io.BytesIO(get_format("parquet").encode(DOCUMENT)))
    assert frame["speakers"].to_list() == [["Smith, John"], ["Anna", "Ben"], ["Anna"], []]
    assert frame["start_ms"].dtype == pl.Int64
    assert frame["confidence"].to_list() == [None, None, 0.75, None]


def test_dataset_columns(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    get_format("datasets").write(DOCUMENT, tmp_path / "set")
    get_format("datasets").write(DOCUMENT, tmp_path / "set")  # replaces the first
    found = datasets.load_from_disk(str(tmp_path / "set"))
    assert list(found["speaker"]) == ["Smith, John", "Anna", "Anna", None]
    assert found.features["speaker"] == datasets.Value("string")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
