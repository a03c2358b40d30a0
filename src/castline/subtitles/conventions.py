"""How people mark voices inside plain caption text, read and written.

Subtitles for the deaf and hard of hearing name speakers by habit, not by rule::

    HARRY (whispering): Stay here.      a name, how it is said
    MAN 2:                              a name on its own line
    [Ruth] Did you hear that?           a name in brackets
    - Who is there?                     a dash for each voice
    - Nobody. Go to sleep.
    (DOOR OPENS)                        a sound
    ♪ Over the hills ♪                  a song

What merely looks so is text: `Note: we close at 10:30.` names nobody. `looks_like_name` decides;
it prefers missing a name to inventing one.

Writing is exact even where reading must guess. `compose` writes the habit, asks `interpret` what it
would make of it, and if that is not what was meant, places invisible marks (U+2060 WORD JOINER,
which no caption needs) where a name ends and where words begin. Viewers see nothing; `interpret`
then need not guess. Any other U+2060 is dropped on writing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from castline.subtitles.base import Cue, Kind, Part
from castline.subtitles.markup import LEADING_TAGS, strip_tags
from castline.subtitles.spelling import quote_name, unquote_name

__all__ = ["MARK", "Voices", "compose", "interpret", "kind_of", "looks_like_name", "plain_cue"]

MARK = "\u2060"

_NAME = re.compile(
    r"(?P<name>[^:：()\[\]\n]{1,60}?)[ \t]*"
    r"(?:[(\[][ \t]*(?P<manner>[^()\[\]\n]{1,40}?)[ \t]*[)\]])?[ \t]*"
    r"(?::(?=\s|\Z|<)|：)[ \t]*(?P<text>.*)\Z"
)
_BRACKETED = re.compile(r"[(\[][ \t]*(?P<name>[^()\[\]\n]{1,40}?)[ \t]*[)\]][ \t]+(?P<text>\S.*)\Z")
_DASH = re.compile(r"[-‐‑–—][ \t\u00a0]*(?=[^-‐‑–—\s])")
_MARKED = re.compile(
    rf"(?:(?P<names>[^{MARK}\n]+(?: &{MARK} [^{MARK}\n]+)*)"
    rf"(?:{MARK} \((?P<manner>[^{MARK}\n]*)\))?:)?{MARK} ?(?P<text>.*)\Z"
)
_SOUND = re.compile(r"\s*(?:[(\[（【＊*][^()\[\]（）【】]*[)\]）】＊*]\s*)+\Z")
_SONG = re.compile(r"(?:^|\n)\s*[♪♫♬]|\A\s*#\s.*#\s*\Z", re.DOTALL)

_PARTICLE_WORDS = "of the de del della di da du von van der den la le al el bin ibn y e"
_PARTICLES = frozenset(_PARTICLE_WORDS.split())
_TITLE_WORDS = "dr mr mrs ms st jr sr prof lt sgt capt col gen rev hon no"
_TITLES = frozenset(_TITLE_WORDS.split())
_NO_NAMES = """
    note notes notice warning caution attention remember look listen see question answer example
    subtitles subtitle captions translation translator translated sync synced corrections editor
    source title chapter episode part scene act time date place location year fact rule step
    number first second third fourth fifth finally one two three yes no okay ok so and but or well
    i he she it we they you this that these those here there what who why when where how then now
    also because if thus hence therefore however moreover meanwhile anyway actually
again still otherwise instead perhaps maybe later today tomorrow yesterday tonight please sorry
ps p.s nb n.b re subject from to cc bcc dear http https ftp www error verse
    chorus summary conclusion result results problem solution plan goal rules reminder update
    breaking exactly meaning ingredients total price cost score status address phone tel fax email
    注 注意 问 答 问题 答案 例如 比如 字幕 翻译 翻譯 校对 校對 时间 時間 地点 地點 备注
"""
_NOT_NAMES = frozenset(_NO_NAMES.split())
_SOUND_WORDS = re.compile(
    r"\b(?:sigh|laugh|gasp|chuckl|cough|sob|cries|cry|scream|shout|whisper|grunt|groan|moan|sniff|"
    r"clear|knock|door|phone|music|applau|cheer|bell|bark|bang|thunder|breath|speak|sing|hum|mutter|"
    r"mumbl|yell|footstep|engine|siren|gun|beep|buzz|click|whistl|inhal|exhal|pant|giggl|snor|scoff|"
    r"stammer|static|silence|indistinct|continu|stops|both|all|softly|loudly|quietly|in \w+)"
    r"|\w{2,}ing\b",
    re.IGNORECASE,
)


class Voices(NamedTuple):
    """What a plain text says about its speakers; the fields are those of a cue."""

    text: str
    speakers: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    manner: str | None = None
    kind: Kind = "speech"


def interpret(text: str) -> Voices:
    """Take the names out of a caption's text.

    >>> interpret("HARRY (whispering): Stay here.")[:4]
    ('Stay here.', ('HARRY',), (), 'whispering')
    >>> interpret("Note: we close at 10:30.").speakers
    ()
    """
    text = text.strip()
    if MARK in text and _MARKED.match(text.split("\n", 1)[0]):
        return _read_marks(text)
    lines = text.split("\n")
    pieces = _split_voices(lines)
    named = any(piece.names for piece in pieces)
    texts = ["\n".join(piece.lines).strip() for piece in pieces]
    speakers = tuple(dict.fromkeys(name for piece in pieces for name in piece.names))
    manner = next((piece.manner for piece in pieces if piece.manner), None)
    if len(pieces) == 1:
        words = texts[0] if named else text
        return Voices(words, speakers, (), manner, kind_of(words))
    parts = tuple(
        Part(" & ".join(piece.names) or None, words)
        for piece, words in zip(pieces, texts, strict=True)
    )
    if any(len(piece.names) > 1 for piece in pieces):
        speakers = tuple(dict.fromkeys(part.speaker for part in parts if part.speaker))
    words = "\n".join(texts) if named else text
    return Voices(words, speakers, parts, manner, kind_of(words))


def compose(cue: Cue, *, keep_kind: bool = False) -> str:
    """Write a cue's names into its text, so that `interpret` gives them back.

    Args:
        cue: The cue; blank lines inside its text are dropped.
        keep_kind: Also make sure that speech is not taken for a sound ("(sic)").
    """
    texts = [_clean(part.text) for part in cue.parts]
    named = any(part.speaker for part in cue.parts)
    words = "\n".join(texts) if named else _clean(cue.text)
    if named:
        parts = tuple(Part(part.speaker, text) for part, text in zip(cue.parts, texts, strict=True))
        speakers = tuple(dict.fromkeys(part.speaker for part in parts if part.speaker))
    else:
        parts, speakers = (), cue.speakers
    manner = " ".join(cue.manner.split()) if cue.manner and speakers else None
    if named:
        habit = "\n".join(
            _habit((part.speaker,), manner if place == 0 else None, part.text)
            if part.speaker
            else f"- {part.text}"
            for place, part in enumerate(parts)
        )
    else:
        habit = _habit(speakers, manner, words) if speakers else words
    found = interpret(habit)
    same = found[:4] == (words, speakers, parts, manner)
    if not named and not speakers:  # dashes alone are text; what they stand for is read from them
        same = found.text == words and not found.speakers
    if same and not (keep_kind and found.kind != cue.kind):
        return habit
    if named:
        return "\n".join(
            _mark(
                (part.speaker,) if part.speaker else (), manner if place == 0 else None, part.text
            )
            for place, part in enumerate(parts)
        )
    return _mark(speakers, manner, words)


def kind_of(text: str) -> Kind:
    """Whether a text is speech, a sound in brackets, or a song.

    >>> kind_of("( clock ticking )"), kind_of("♪ La ♪"), kind_of("(sighs) I know.")
    ('sound', 'song', 'speech')
    """
    plain = strip_tags(text)
    if _SOUND.match(plain):
        return "sound"
    return "song" if _SONG.search(plain) else "speech"


def looks_like_name(text: str) -> bool:
    """Whether what stands before a colon or in brackets may name a speaker.

    >>> looks_like_name("MAN ON TV"), looks_like_name("Dr. Ruth"), looks_like_name("Note")
    (True, True, False)
    >>> looks_like_name("the shop closes at 10"), looks_like_name("甄嬛")
    (False, True)
    """
    words = text.split()
    if not words or len(words) > 5 or len(text) > 40 or not any(map(str.isalpha, text)):
        return False
    bare = [word.strip(".,'’\"&#").casefold() for word in words]
    if bare[0] in _NOT_NAMES or re.search(r"[!?;,…。！？，、<>{}|/\\=@♪]|\.\.", text):
        return False
    if any(word.endswith(".") and low not in _TITLES and len(low) > 1
           for word, low in zip(words, bare, strict=True)):  # fmt: skip
        return False
    if text.upper() == text.lower():  # a script without capitals: names are short
        return len(words) <= 3 and len(text) <= (8 if re.search("[\u3040-\u9fff]", text) else 24)
    if text == text.upper():
        return True
    return words[0][0].isupper() and all(
        word[0].isupper() or word[0].isdigit() or word in ("&", "and") or low in _PARTICLES
        for word, low in zip(words, bare, strict=True)
    )


def plain_cue(voices: Voices) -> dict[str, object]:
    """The keyword arguments of `Draft.add` that an interpretation gives, all but the text."""
    facts = voices._asdict()
    del facts["text"]
    return facts


class _Piece(NamedTuple):
    names: tuple[str, ...]
    manner: str | None
    lines: list[str]


def _split_voices(lines: list[str]) -> list[_Piece]:
    dashed = _dashed(lines)
    pieces: list[_Piece] = []
    for place, line in enumerate(lines):
        tags = LEADING_TAGS.match(line)
        lead = tags[0] if tags else ""
        rest = line[len(lead) :]
        dash = _DASH.match(rest)
        found = _name_in(rest[dash.end() :] if dash else rest)
        if found is not None:
            names, manner, words = found
            begun = (lead.strip() + words).strip()
            pieces.append(_Piece(names, manner, [begun] if begun else []))
        elif dash and (place in dashed or any(piece.names for piece in pieces)):
            pieces.append(_Piece((), None, [lead.strip() + rest[dash.end() :]]))
        elif pieces:
            pieces[-1].lines.append(line)
        else:
            pieces.append(_Piece((), None, [line]))
    return pieces


def _dashed(lines: list[str]) -> set[int]:
    """The lines whose dash opens a voice: several, or one after a first voice without a dash."""
    plain = [strip_tags(line) for line in lines]
    dashes = [place for place, line in enumerate(plain) if _DASH.match(line)]
    if len(dashes) >= 2:
        return set(dashes)
    if len(dashes) == 1 and dashes[0] > 0:
        opened = _DASH.sub("", plain[dashes[0]], count=1)
        if plain[dashes[0]].startswith("-") and not opened[:1].islower():
            return set(dashes)
    return set()


def _name_in(line: str) -> tuple[tuple[str, ...], str | None, str] | None:
    found = _NAME.match(line)
    if found and looks_like_name(found["name"]) and _begins_speech(found["name"], found["text"]):
        names = tuple(dict.fromkeys(name.strip() for name in found["name"].split(" & ")))
        if all(looks_like_name(name) for name in names):
            return names, found["manner"], found["text"]
    found = _BRACKETED.match(line)
    if found and looks_like_name(found["name"]) and not _SOUND_WORDS.search(found["name"]):
        return (found["name"],), None, found["text"]
    return None


def _begins_speech(name: str, words: str) -> bool:
    """What a person says begins with a capital; "Thus: what we call …" goes on with a sentence."""
    shouted = name == name.upper()
    return shouted or not strip_tags(words)[:1].islower()


def _clean(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace(MARK, "").split("\n")
    return "\n".join(line for line in lines if line.strip()).strip()


def _habit(speakers: tuple[str, ...], manner: str | None, words: str) -> str:
    how = f" ({manner})" if manner else ""
    return f"{' & '.join(speakers)}{how}: {words}"


def _mark(speakers: tuple[str, ...], manner: str | None, words: str) -> str:
    names = f" &{MARK} ".join(quote_name(name, MARK) for name in speakers)
    how = f"{MARK} ({manner.replace(MARK, '')})" if manner else ""
    return f"{names}{how}:{MARK} {words}" if speakers else f"{MARK}{words}"


def _read_marks(text: str) -> Voices:
    pieces: list[_Piece] = []
    for line in text.split("\n"):
        found = _MARKED.match(line)
        if found:
            names = (found["names"] or "").split(f" &{MARK} ")
            named = tuple(dict.fromkeys(unquote_name(name) for name in names if name))
            pieces.append(_Piece(named, found["manner"], [found["text"]]))
        else:
            pieces[-1].lines.append(line)
    texts = ["\n".join(piece.lines).strip() for piece in pieces]
    speakers = tuple(dict.fromkeys(name for piece in pieces for name in piece.names))
    manner = next((piece.manner for piece in pieces if piece.manner), None)
    if len(pieces) == 1:
        return Voices(texts[0], speakers, (), manner)
    parts = tuple(
        Part(" & ".join(piece.names) or None, words)
        for piece, words in zip(pieces, texts, strict=True)
    )
    return Voices("\n".join(texts), speakers, parts, manner)
