"""Readers where the odd files of the wild do not reach: encodings, options, errors, other tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from castline import subtitles
from castline.errors import InputError, MissingExtra, UnknownName, UsageError
from castline.subtitles import Cue, Document, get_format
from castline.subtitles.conventions import compose, interpret, looks_like_name
from castline.subtitles.formats.microdvd import frame_rate

SRT = b"1\n00:00:01,000 --> 00:00:02,000\nANNA: Hi.\n"


def block(text: str) -> str:
    return f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n"


# -- which format --------------------------------------------------------------------------------


def test_the_ending_decides_whatever_its_case(tmp_path: Path) -> None:
    path = tmp_path / "中文 1.SRT"
    path.write_bytes(SRT)
    assert subtitles.read(path).speakers == ("ANNA",)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (SRT, "srt"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\nHi.\n", "vtt"),
        (b"\xef\xbb\xbf[Script Info]\n[Events]\n", "ass"),
        (b"{1}{1}25\n{25}{50}Hi.\n", "microdvd"),
        (b"SPEAKER a 1 0.0 1.5 <NA> <NA> Anna <NA> <NA>\n", "rttm"),
        (b'{"start_ms":0,"end_ms":1}\n', "jsonl"),
        (b"start_ms,end_ms\n0,1\n", "csv"),
        (b'<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><body/></tt>', "ttml"),
    ],
)
def test_a_file_without_a_known_ending_is_looked_into(
    tmp_path: Path, content: bytes, name: str
) -> None:
    path = tmp_path / "captions.txt"
    path.write_bytes(content)
    assert subtitles.read(path).format == name


def test_errors_of_choosing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("nothing", encoding="utf-8")
    (tmp_path / "a.vtt").write_bytes(SRT)
    (tmp_path / "a.srt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00")
    with pytest.raises(InputError, match="neither the ending nor the content"):
        subtitles.read(tmp_path / "a.txt")
    with pytest.raises(InputError, match="try format='srt'"):
        subtitles.read(tmp_path / "a.vtt")
    with pytest.raises(InputError, match="binary data"):
        subtitles.read(tmp_path / "a.srt")
    with pytest.raises(InputError, match="does not exist"):
        subtitles.read(tmp_path / "none.srt")
    with pytest.raises(UnknownName, match="Did you mean 'encoding'"):
        subtitles.read(tmp_path / "a.srt", encodign="x")
    with pytest.raises(UnknownName, match="No format is called"):
        subtitles.read(tmp_path / "a.srt", format="subrip")
    with pytest.raises(UsageError, match="no ending"):
        subtitles.write(Document(), tmp_path / "b.xyz")
    with pytest.raises(UsageError, match="only read"):
        subtitles.write(Document(), tmp_path / "b.ttml")


def test_write_tells_what_is_lost(tmp_path: Path) -> None:
    document = Document((Cue(0, 1000, "Hi.", ("Anna",), confidence=0.5),))
    assert "confidence" in str(subtitles.write(document, tmp_path / "a.srt")[0])
    assert subtitles.write(document, tmp_path / "a.jsonl") == ()
    assert subtitles.read(tmp_path / "a.jsonl").cues == document.cues


def test_a_missing_extra_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in ("pympi", "pympi.Elan", "datasets"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(MissingExtra, match=r"castline\[eaf\]"):
        get_format("eaf").encode(Document())
    with pytest.raises(MissingExtra, match=r"castline\[datasets\]"):
        get_format("datasets").write(Document(), tmp_path / "x")


# -- encodings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "我不知道你在说什么。快点走吧！"),
        ("big5", "我不知道你在說什麼。快點走吧！"),
        ("cp932", "どこへ行くのですか？私は東京へ行きます。"),
        ("euc_jp", "どこへ行くのですか？私は東京へ行きます。"),
        ("cp949", "나는 네가 무슨 말을 하는지 모르겠어."),
        ("cp1251", "Привет, как дела? Я не понимаю, о чём ты говоришь."),
        ("koi8_r", "Привет, как дела? Я не понимаю, о чём ты говоришь."),
        ("cp1252", "Où est-il allé? C'est très étrange, à vrai dire."),
        ("cp1250", "Nie wiem, o czym mówisz. Chodźmy, nie mamy czasu! Proszę, pomóż mi."),
        ("cp1250", "Dobrý den, jak se máte? Můžeme jít dál. Žádný problém, příteli. Čekám tě."),
        ("cp1250", "Mi az? Nem tudom, miről beszélsz. Siessünk, nincs időnk! Köszönöm szépen."),
        ("cp1252", "Italia: è così, più o meno, perché no? Già."),
        ("cp1252", "Það er ekki rétt hjá þér. Ég veit ekki hvað þú ert að tala um, ýmislegt."),
        ("cp1252", "Rødgrød med fløde på, så er jeg glad. Æblet er også godt."),
        ("cp1252", "Não sei, são questões da nação. Põe o pão aí, já."),
        ("cp1253", "Δεν ξέρω τι λες. Πάμε γρήγορα, δεν έχουμε χρόνο!"),
        ("cp1254", "Ne dediğini bilmiyorum. Hadi gidelim, vaktimiz yok! Şimdi çağırıyor."),
        ("cp1256", "لا أعرف عما تتحدث. هيا بنا بسرعة، ليس لدينا وقت!"),
        ("cp874", "ฉันไม่รู้ว่าคุณพูดถึงอะไร ไปกันเถอะ"),
        ("utf-16-le", "no mark, 你好"),
    ],
)
def test_a_guess_is_right_and_told(encoding: str, text: str) -> None:
    document = get_format("srt").decode(block(text).encode(encoding), "x")
    assert (document.cues[0].text, document.encoding) == (text, encoding)
    assert document.encoding_guessed
    assert "a guess" in str(document.problems[0])


def test_a_given_encoding_is_obeyed_or_refused() -> None:
    fmt = get_format("srt")
    data = block("é").encode("cp1252")
    assert fmt.decode(data, "x", encoding="cp1252").cues[0].text == "é"
    assert not fmt.decode(data, "x", encoding="cp1252").encoding_guessed
    for wrong in ("utf-8", "no such", "hex", "rot13", "idna"):
        with pytest.raises(InputError):
            fmt.decode(data, "x", encoding=wrong)


def test_utf8_with_a_broken_place_stays_utf8() -> None:
    data = block("日本語のテキスト").encode() + b"\xe3\x81"
    document = get_format("srt").decode(data, "x")
    assert (document.encoding, document.cues[0].text[:8]) == ("utf-8", "日本語のテキスト")
    assert "1 broken place" in str(document.problems[0])


# -- habits in plain text ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Note: the shop closes at 10:30.",
        "the shop closes at 10: be there",
        "Thus: what we call",
        "at 10:30 sharp",
        "https://example.org",
        "What did he say? He said: go!",
        "(sighs) I know.",
        "[SIGHS] I know.",
        "[laughing] Stop it!",
        "I thought\n-- no, never mind.",
        "Remember: Never.",
        "2:1 for us",
    ],
)
def test_what_names_nobody(text: str) -> None:
    assert interpret(text).speakers == ()
    assert interpret(text).text == text


@pytest.mark.parametrize(
    ("text", "names", "words"),
    [
        ("MAN 2:\nE equals", ("MAN 2",), "E equals"),
        ("<i>Harry: Come in.</i>", ("Harry",), "<i>Come in.</i>"),
        ("- Nora: You!", ("Nora",), "You!"),
        ("TOM & JERRY: Hey!", ("TOM", "JERRY"), "Hey!"),
        ("张三：你好", ("张三",), "你好"),
        ("Dr. Ruth: Well.", ("Dr. Ruth",), "Well."),
        ("[Ruth] Did you?", ("Ruth",), "Did you?"),
        ("Hello.\nNora: Hi.", ("Nora",), "Hello.\nHi."),
        ("MRS. O'HARA [off]: Yes.", ("MRS. O'HARA",), "Yes."),
    ],
)
def test_what_names_somebody(text: str, names: tuple[str, ...], words: str) -> None:
    assert interpret(text)[:2] == (words, names)


def test_looks_like_name_is_bounded() -> None:
    assert not looks_like_name("")
    assert not looks_like_name("A" * 41)
    assert not looks_like_name("123")


def test_marks_appear_only_where_needed() -> None:
    assert compose(Cue(0, 1, "Hi.", ("Anna",))) == "Anna: Hi."
    assert compose(Cue(0, 1, "Hi.", ("a: b",))) == "a: b:\u2060 Hi."
    assert compose(Cue(0, 1, "ANNA: Hi.")) == "\u2060ANNA: Hi."


def test_habits_can_be_switched_off() -> None:
    cue = get_format("srt").decode(SRT, "x", conventions=False).cues[0]
    assert (cue.text, cue.speakers) == ("ANNA: Hi.", ())


# -- single formats ------------------------------------------------------------------------------


def test_srt_order_backward_times_and_places() -> None:
    data = (
        b"2\n00:00:05,000 --> 00:00:06,000\nlater\n\n"
        b"1\n00:00:01,000 --> 00:00:02,000\nsooner\n\n"
        b"3\n00:00:09,000 --> 00:00:08,000\nbackward\n\n"
        b"4\n00:99:09,000 --> 01:00:08,000\nminutes\n"
    )
    document = get_format("srt").decode(data, "x")
    assert [cue.text for cue in document.cues] == ["sooner", "later"]
    told = [str(problem) for problem in document.problems]
    assert [line.split(":")[0] for line in told[:2]] == ["line 10", "line 14"]
    assert "order of time" in told[2]


def test_a_blank_line_inside_an_srt_text_is_kept() -> None:
    data = b"1\n00:00:01,000 --> 00:00:02,000\none\n\ntwo\n\n2\n00:00:03,000 --> 00:00:04,000\nx\n"
    document = get_format("srt").decode(data, "x")
    assert [cue.text for cue in document.cues] == ["one\n\ntwo", "x"]


def test_vtt_voices_without_end_tags_follow_each_other() -> None:
    data = b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v A &amp; B>One.\n<v.yellow.loud C>Two.\n"
    cue = get_format("vtt").decode(data, "x").cues[0]
    assert cue.parts == (("A & B", "One."), ("C", "Two."))
    assert cue.manner == "loud"


def test_ass_goes_by_its_format_line() -> None:
    data = (
        b"[Events]\nFormat: Start, End, Name, Text\n"
        b"Dialogue: 100:00:00.00,100:00:01.50,Anna,{\\b1}Yes{\\b0}, {\\pos(1,2)}no\\Nmaybe\n"
        b"Dialogue: x,0:00:01.00,Anna,bad\nDialogue: 0:00:00.00\n"
        b"Dialogue: 0:00:00.00,0:00:01.00,,{\\p1}m 0 0 l 1 1\n"
    )
    document = get_format("ass").decode(data, "x")
    assert document.cues == (Cue(360_000_000, 360_001_500, "<b>Yes</b>, no\nmaybe", ("Anna",)),)
    assert len(document.problems) == 3


def test_ttml_nested_times_agents_on_spans_and_durations() -> None:
    data = b"""<tt xmlns="http://www.w3.org/ns/ttml" xmlns:m="http://www.w3.org/ns/ttml#metadata"
      xmlns:p="http://www.w3.org/ns/ttml#parameter" p:frameRate="30"
      p:frameRateMultiplier="1000 1001" xml:lang="fr"><head><metadata>
      <m:agent xml:id="a"><m:name type="alias">A.</m:name><m:name type="full">Anna</m:name>
      </m:agent>
      <m:agent xml:id="b"><m:name>Ben</m:name></m:agent></metadata></head>
      <body begin="10s"><div m:agent="a"><p begin="1s" dur="2s">One <span m:agent="b">Two</span></p>
      <p begin="30f" end="60f">Frames</p><p begin="1s" end="nonsense">Bad</p>
      <p m:role="music" begin="5s" end="6s">la</p></div></body></tt>"""
    document = get_format("ttml").decode(data, "x")
    one, frames, song = sorted(document.cues, key=lambda cue: cue.text != "One\nTwo")
    assert (one.start_ms, one.end_ms) == (11_000, 13_000)
    assert one.parts == (("Anna", "One"), ("Ben", "Two"))
    assert (frames.start_ms, frames.end_ms, frames.speakers) == (11_001, 12_002, ("Anna",))
    assert song.kind == "song"
    assert document.language == "fr"
    assert "nonsense" in str(document.problems[0])


@pytest.mark.parametrize("name", ["ttml", "eaf"])
def test_entity_bombs_are_refused(name: str) -> None:
    tenfold = (f"&a{n};" * 10 for n in range(9))
    levels = "".join(f'<!ENTITY a{n} "{text}">' for n, text in enumerate(tenfold, start=1))
    bomb = f'<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a0 "ha">{levels}]><tt>&a9;</tt>'
    with pytest.raises(InputError, match="entities"):
        get_format(name).decode(bomb.encode(), "x")
    outside = '<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><tt>&x;</tt>'
    with pytest.raises(InputError, match="entities"):
        get_format(name).decode(outside.encode(), "x")


def test_rates_of_microdvd() -> None:
    fmt = get_format("microdvd")
    data = b"{24}{48}Hi.|{y:i}There."
    assert fmt.decode(b"{0}{0}24\n" + data, "x").cues[0] == Cue(1000, 2000, "Hi.\nThere.")
    assert fmt.decode(b"{1}{1}23.976\n" + data, "x").cues[0].start_ms == 1001
    assert fmt.decode(data, "x", fps="24000/1001").cues[0].start_ms == 1001
    for wrong in (0, -1, "x", "1/0", 1e9, "9" * 5000):
        with pytest.raises(UsageError, match="fps="):
            frame_rate(wrong)


def test_rttm_of_others() -> None:
    data = (
        b";; made by pyannote\nSPKR-INFO a 1 <NA> <NA> <NA> unknown SPEAKER_00 <NA> <NA>\n"
        b"SPEAKER a 1 0.5 1.25 <NA> <NA> SPEAKER_00 <NA> <NA>\n"
        b"SPEAKER b 1 1e99 1 <NA> <NA> X <NA> <NA>\nrubbish\n"
    )
    fmt = get_format("rttm")
    with pytest.raises(InputError, match=r"2 recordings: a, b\."):
        fmt.decode(data, "x")
    document = fmt.decode(data, "x", recording="a")
    assert document.cues == (Cue(500, 1750, "", ("SPEAKER_00",)),)
    assert "rubbish" in str(document.problems[0])


def test_textgrid_short_form_and_points() -> None:
    data = b'''File type = "ooTextFile"
Object class = "TextGrid"

0
2.5
<exists>
2
"IntervalTier"
"A ""b"""
0
2.5
2
0
1.25
""
1.25
2.5
"intervals [1]: xmin = 3"
"TextTier"
"points"
0
2.5
1
1
"x"
'''
    document = get_format("textgrid").decode(data, "x")
    assert document.cues == (Cue(1250, 2500, "intervals [1]: xmin = 3", ('A "b"',)),)
    assert "points" in str(document.problems[0])


def test_csv_of_others() -> None:
    data = "text;end_ms;start_ms;speaker;mood\nHi;2000;1000;Anna, B;x\nbad;1;x;;\n".encode("utf-16")
    document = get_format("csv").decode(data, "x")
    assert document.cues == (Cue(1000, 2000, "Hi", ("Anna, B",)),)
    assert [problem.place for problem in document.problems] == ["header", "line 3"]
    with pytest.raises(InputError, match="lacks start_ms and end_ms"):
        get_format("csv").decode(b"start,end,text\n1,2,x\n", "x")


def test_records_are_checked() -> None:
    data = (
        b'{"start_ms":0,"end_ms":1,"text":"good"}\n{"start_ms":"0","end_ms":1}\nnot json\n'
        b'{"start_ms":0,"end_ms":1,"confidence":2}\n{"start_ms":0,"end_ms":1,"kind":"x"}\n'
    )
    document = get_format("jsonl").decode(data, "x")
    assert [cue.text for cue in document.cues] == ["good"]
    assert [problem.place for problem in document.problems] == [f"line {n}" for n in (2, 3, 4, 5)]


def test_eaf_of_others_takes_top_tiers_and_can_choose() -> None:
    data = b"""<?xml version="1.0"?><ANNOTATION_DOCUMENT><TIME_ORDER>
      <TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="9"/>
      <TIME_SLOT TIME_SLOT_ID="t3"/></TIME_ORDER>
      <TIER TIER_ID="A"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="x" TIME_SLOT_REF1="t1"
      TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>Hi</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
      <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="y" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t3">
      <ANNOTATION_VALUE>?</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
      <TIER TIER_ID="words" PARENT_REF="A"/><TIER TIER_ID="gestures"><ANNOTATION>
      <ALIGNABLE_ANNOTATION ANNOTATION_ID="z" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2">
      <ANNOTATION_VALUE>nod</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>
      </ANNOTATION_DOCUMENT>"""
    fmt = get_format("eaf")
    assert fmt.decode(data, "x").speakers == ("A", "gestures")
    document = fmt.decode(data, "x", tiers=("A",))
    assert document.cues == (Cue(0, 9, "Hi", ("A",)),)
    assert "annotation y" in str(document.problems[0])
    with pytest.raises(InputError, match=r"no tier is called 'B'"):
        fmt.decode(data, "x", tiers=("B",))


def test_impossible_cues_are_refused() -> None:
    for facts in ({"start_ms": -1}, {"end_ms": 0}, {"speakers": ("",)}, {"confidence": 1.5}):
        with pytest.raises(ValueError, match=r"before|name|outside"):
            Cue(**{"start_ms": 1, "end_ms": 2, "text": "", **facts})  # type: ignore[arg-type]
