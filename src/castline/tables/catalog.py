"""Every table, declared once. `docs/tables.md` is generated from here.

Times are milliseconds on the media clock, intervals half-open. Ids are readable and stable:
episode `0003`, line `0003-00042`, face `0003-f000007`.
"""

from __future__ import annotations

from castline.errors import UnknownName
from castline.tables.schema import Column, Table

__all__ = [
    "CATALOG",
    "GIVEN",
    "IMPORTED",
    "NARRATOR",
    "OTHERS",
    "RESERVED",
    "STORY",
    "UNKNOWN",
    "table",
]

OTHERS = "others"
"""Label of a line spoken by somebody outside the cast."""
UNKNOWN = "unknown"
"""Label of a line whose speaker nobody can tell."""
NARRATOR = "narrator"
"""The kind of a character who may speak anywhere without being near."""
GIVEN = "given"
"""Variant of the seeds table for seeds that came with the series."""
IMPORTED = "imported"
"""Variant of the tables labels and captions for what is named in the imported files."""
STORY = "story"
"""Variant of the tables clips and relations for what `castline story` made."""
RESERVED = (OTHERS, UNKNOWN, NARRATOR)

_EPISODE = Column("episode", "text", "the episode where the row applies")
_SOURCE = Column("source", "text", "who says so: an importer, an engine, a method, or `human`")
_CONFIDENCE = Column(
    "confidence", "float", "probability that the row is right", low=0, high=1, nullable=True
)
_LINE = Column("line", "text", "the line")
_CHARACTER = Column("character", "text", "the character")

_TABLES = (
    Table(
        "episodes",
        1,
        "series",
        ("episode",),
        (
            Column("episode", "text", "the episode"),
            Column("path", "text", "where it came from, relative to the source", nullable=True),
            Column("language", "text", "language of the lines (BCP 47)", nullable=True),
            Column("duration_ms", "int", "length of the media", low=0, nullable=True),
            _SOURCE,
            _CONFIDENCE,
        ),
        "The episodes, in order.",
    ),
    Table(
        "media",
        1,
        "episode",
        ("episode",),
        (
            _EPISODE,
            Column("path", "text", "the file, relative to the project where it lies inside"),
            Column("fingerprint", "text", "changes when the content of the file changes"),
            Column("duration_ms", "int", "length on the media clock", low=0),
            Column("width", "int", "width as shown, in pixels", low=1, nullable=True),
            Column("height", "int", "height as shown", low=1, nullable=True),
            Column("rate_num", "int", "frames in `rate_den` seconds", low=1, nullable=True),
            Column("rate_den", "int", "see `rate_num`", low=1, nullable=True),
            Column("sound", "int", "sound track that was taken, from 0", low=0, nullable=True),
            _SOURCE,
            _CONFIDENCE,
        ),
        "The film file of each episode. Its first moment is 0 on the media clock.",
    ),
    Table(
        "cast",
        1,
        "series",
        ("character",),
        (
            Column("character", "text", "the one name used everywhere"),
            Column("other_names", "texts", "other names for the same person"),
            Column("actor", "text", "who plays the part", nullable=True),
            Column("kind", "text", "what part it is", choices=("character", NARRATOR)),
            Column("faces", "int", "faces recognised as this character in the series", low=0),
            _SOURCE,
            _CONFIDENCE,
        ),
        "The cast: everybody who can be named.",
    ),
    Table(
        "relations",
        1,
        "series",
        ("from", "to", "relation"),
        (
            Column("from", "text", "a character"),
            Column("to", "text", "another character"),
            Column("relation", "text", "what `from` is to `to`"),
            Column("first_episode", "text", "from when on it holds", nullable=True),
            Column("last_episode", "text", "until when it holds", nullable=True),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Who is what to whom: what came with the series, or, as `story`, what models read in it.",
        variants=True,
    ),
    Table(
        "speech",
        1,
        "episode",
        ("start_ms",),
        (
            _EPISODE,
            Column("start_ms", "int", "start on the media clock"),
            Column("end_ms", "int", "end on the media clock, not included"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "When somebody speaks, by the sound alone.",
    ),
    Table(
        "shots",
        1,
        "episode",
        ("shot",),
        (
            Column("shot", "text", "the shot"),
            _EPISODE,
            Column("start_ms", "int", "its first frame"),
            Column("end_ms", "int", "the first frame of the next shot"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "The shots, in order, without gaps.",
    ),
    Table(
        "shot_likeness",
        1,
        "episode",
        ("shot",),
        (
            Column("shot", "text", "the shot"),
            _EPISODE,
            Column(
                "likeness",
                "float",
                "how alike its pictures are to those of the shot before; missing in the first",
                low=-1.001,
                high=1.001,
                nullable=True,
            ),
            _SOURCE,
            _CONFIDENCE,
        ),
        "How much each shot looks like the one before.",
    ),
    Table(
        "clips",
        1,
        "episode",
        ("clip",),
        (
            Column("clip", "text", "the clip"),
            _EPISODE,
            Column("start_ms", "int", "its first frame"),
            Column("end_ms", "int", "the first frame of the next clip"),
            Column("shots", "int", "shots that it lies in", low=1),
            _SOURCE,
            _CONFIDENCE,
        ),
        "The film in pieces of a few seconds, without gaps: short shots joined, long ones cut; "
        "as `story`, shots that look alike joined first.",
        variants=True,
    ),
    Table(
        "captions",
        1,
        "episode",
        ("part", "kind"),
        (
            Column("part", "text", "the clip or section that it tells of"),
            _EPISODE,
            Column(
                "kind",
                "text",
                "what is seen in a clip of a few seconds; what happens in a section of a minute or "
                "two, in full, in brief, in a phrase",
                choices=("clip", "section", "brief", "title"),
            ),
            Column("start_ms", "int", "where the part starts"),
            Column("end_ms", "int", "where it ends, not included"),
            Column("text", "text", "what a model wrote"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "What is seen and what happens, in words: of `clips`, of `sections`, or `imported`.",
        variants=True,
    ),
    Table(
        "readings",
        1,
        "episode",
        ("reading",),
        (
            Column("reading", "text", "the reading"),
            _EPISODE,
            Column("start_ms", "int", "first frame that shows it"),
            Column("end_ms", "int", "first frame that no longer does"),
            Column("text", "text", "what it says"),
            Column("top", "float", "upper edge as a share of the height", low=0, high=1),
            Column("bottom", "float", "lower edge as a share of the height", low=0, high=1),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Writing in the picture where subtitles stand, as it was read.",
    ),
    Table(
        "lines",
        2,
        "episode",
        ("line",),
        (
            _LINE,
            _EPISODE,
            Column("number", "int", "position in the file it came from, from 0", low=0),
            Column("start_ms", "int", "start on the media clock"),
            Column("end_ms", "int", "end on the media clock, not included"),
            Column("text", "text", "what is said"),
            Column("kind", "text", "what it is", choices=("speech", "sound", "song", "sign")),
            Column(
                "notes",
                "texts",
                "what is odd about it: `two voices`, `odd duration`, `credits`, ...",
                nullable=True,
            ),
            _SOURCE,
            _CONFIDENCE,
        ),
        "The lines (utterances), in order of time.",
    ),
    Table(
        "truth",
        1,
        "episode",
        ("line",),
        (
            _LINE,
            _EPISODE,
            Column("speaker", "text", "the annotation as it was written"),
            Column("speakers", "texts", "its single speakers, in order"),
            Column("deleted", "bool", "the annotator struck the line; no rule counts it"),
            Column("unknown", "bool", "the annotator could not tell"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Who really speaks, by people. Evaluation and the seed rule read it; no method does.",
    ),
    Table(
        "faces",
        2,
        "episode",
        ("face",),
        (
            Column("face", "text", "the face"),
            _EPISODE,
            Column("start_ms", "int", "first moment in which it was measured"),
            Column("end_ms", "int", "last moment in which it was measured"),
            Column("left", "int", "left edge of its box in pixels", nullable=True),
            Column("top", "int", "upper edge", nullable=True),
            Column("right", "int", "right edge", nullable=True),
            Column("bottom", "int", "lower edge", nullable=True),
            Column("track", "text", "the run of one face through a shot", nullable=True),
            Column(
                "sharpness", "float", "variance of the Laplacian, 0 is blank", low=0, nullable=True
            ),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Faces seen, one row a face and frame, in the order in which they were measured.",
        biometric=True,
    ),
    Table(
        "faceprints",
        1,
        "episode",
        ("face",),
        (
            Column("face", "text", "the face"),
            _EPISODE,
            Column("track", "text", "its track"),
            Column("quality", "float", "how much it is worth asking", low=0, high=1),
            Column("embedding", "embedding", "what the face looks like, of norm 1"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "What the best faces of each track look like.",
        biometric=True,
    ),
    Table(
        "motion",
        1,
        "episode",
        ("track", "time_ms"),
        (
            Column("track", "text", "the track"),
            _EPISODE,
            Column("time_ms", "int", "the frame"),
            Column("opening", "float", "how open the mouth looks, in units of its own track"),
            Column("motion", "float", "how much the mouth changed since the frame before", low=0),
            _SOURCE,
            _CONFIDENCE,
        ),
        "How the mouth of each track moves, frame by frame.",
        biometric=True,
    ),
    Table(
        "mouths",
        1,
        "episode",
        ("line", "track"),
        (
            _LINE,
            _EPISODE,
            Column("track", "text", "a track that is seen while the line is spoken"),
            Column("seen_ms", "int", "for how long", low=0),
            Column("activity", "float", "motion of the mouth against that of still mouths"),
            Column("sync", "float", "how it follows the loudness", low=-1.001, high=1.001),
            Column("log_odds", "float", "that this mouth speaks the line (natural logarithm)"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Which mouths move with which lines.",
        biometric=True,
    ),
    Table(
        "portraits",
        1,
        "series",
        ("portrait",),
        (
            Column("portrait", "text", "the portrait: a file, or a face of the series"),
            _CHARACTER,
            Column("origin", "text", "where it is from", choices=("given", "found")),
            Column("quality", "float", "how much it is worth asking", low=0, high=1),
            Column("embedding", "embedding", "what the face looks like, of norm 1"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Pictures of the cast: those that were given, and all that the library is made from.",
        variants=True,
        biometric=True,
    ),
    Table(
        "library",
        1,
        "series",
        ("character", "query"),
        (
            _CHARACTER,
            Column("query", "int", "number of the query of this character, from 0", low=0),
            Column("faces", "int", "portraits and found faces it stands for", low=1),
            Column("coherence", "float", "how alike they are; 1 is the same", low=0, high=1.001),
            Column("nearest", "text", "the character it is most like", nullable=True),
            Column(
                "likeness", "float", "similarity to that one", low=-1.001, high=1.001, nullable=True
            ),
            Column("threshold", "float", "least similarity to be given the name", low=-1, high=1),
            Column("embedding", "embedding", "what is compared with a face, of norm 1"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "What each character looks like: the queries that faces are compared with.",
        biometric=True,
    ),
    Table(
        "face_names",
        1,
        "episode",
        ("face",),
        (
            Column("face", "text", "the face"),
            _EPISODE,
            Column("character", "text", "whose face it is; missing: nobody's known", nullable=True),
            Column("cluster", "text", "the unknown person it was grouped with", nullable=True),
            Column("score", "float", "similarity to that person", low=-1, high=1.001),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Whose face each is.",
        biometric=True,
    ),
    Table(
        "voices",
        2,
        "episode",
        ("line",),
        (
            _LINE,
            _EPISODE,
            Column("embedding", "embedding", "the voiceprint of the line, not normalised"),
            Column("speech_ms", "int", "speech in its clip", low=0, nullable=True),
            Column(
                "overlap", "float", "share of it under another line", low=0, high=1, nullable=True
            ),
            Column("loudness_db", "float", "root mean square, 0 is full scale", nullable=True),
            _SOURCE,
            _CONFIDENCE,
        ),
        "What each line sounds like.",
        biometric=True,
    ),
    Table(
        "seeds",
        1,
        "series",
        ("line", "character"),
        (
            _LINE,
            _EPISODE,
            _CHARACTER,
            Column("origin", "text", "how it is known", choices=("given", "cluster", "human")),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Lines whose speaker is known beforehand.",
        variants=True,
    ),
    Table(
        "candidates",
        1,
        "episode",
        ("line", "character"),
        (
            _LINE,
            _EPISODE,
            _CHARACTER,
            Column("rank", "int", "place by score, from 1", low=1),
            Column("score", "float", "the method's score: the mean of its best similarities"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Who may have spoken each line, best first.",
        variants=True,
    ),
    Table(
        "labels",
        1,
        "episode",
        ("line", "character"),
        (
            _LINE,
            _EPISODE,
            Column("character", "text", "the speaker: of the cast, a new voice, others, unknown"),
            Column("method", "text", "the method"),
            Column("pass", "int", "the pass of the method that decided", low=0),
            Column("score", "float", "score of this speaker among the candidates", nullable=True),
            Column("margin", "float", "best score minus second best", nullable=True),
            Column(
                "status",
                "text",
                "how far to trust it",
                choices=("settled", "doubtful", "abstained"),
            ),
            Column("reasons", "texts", "what decided, in words"),
            _SOURCE,
            _CONFIDENCE,
        ),
        "Who speaks each line, by one method. Several speakers of a line are several rows.",
        variants=True,
    ),
    Table(
        "asked",
        1,
        "series",
        ("line",),
        (
            _LINE,
            _EPISODE,
            Column("pass", "int", "in which pass, at last; 0: it only tried the model", low=0),
            Column("status", "text", "what came of it", choices=("answered", "gave up")),
            Column(
                "answer",
                "text",
                "whom the model named: a character, a new voice, others",
                nullable=True,
            ),
            Column("changed", "bool", "whether the line has another label than before"),
            Column("tokens", "int", "tokens read and written about the line", low=0),
            Column("why", "text", "why there is no answer", nullable=True),
            _SOURCE,
            _CONFIDENCE,
        ),
        "What a language model was asked about the labels; written when no reply is missing.",
        variants=True,
    ),
)

CATALOG: dict[str, Table] = {each.name: each for each in _TABLES}
"""All tables by name."""


def table(name: str) -> Table:
    """The declaration of a table.

    Raises:
        UnknownName: There is no such table.
    """
    if name not in CATALOG:
        raise UnknownName("table", name, CATALOG)
    return CATALOG[name]
