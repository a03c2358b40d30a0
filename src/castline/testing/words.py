"""Invented names and phrases for synthetic series: many scripts, no real person, no real film."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["NARRATOR_NAME", "address", "invent_names", "invent_trades", "phrases"]

NARRATOR_NAME = "旁白"
"""What the release's annotators call the narrator."""

# Each form is a list of beginnings, a list of ends, and what stands between them. Together they
# hold what breaks programs: spaces, commas, apostrophes, dots, parentheses, right-to-left script.
_FORMS: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (("林", "沈", "宋", "卫", "骆", "闻"), ("砚秋", "小满", "知远", "青禾", "望舒", "九"), ""),
    (("Niamh", "Tobin", "Ilse", "Marek"), ("O'Dara", "Quill", "d'Arvenne", "van Loon"), " "),
    (("阿兰", "米拉", "尤恩", "薇拉"), ("韦德", "科斯", "哈洛", "林顿"), "·"),
    (("Varga", "Osei", "Brandt", "Lund"), ("Ilka", "Kofi", "Rune", "Tove"), ", "),
    (("Мира", "Глеб", "Зоя", "Лев"), ("Талова", "Рудин", "Северная", "Орлик"), " "),
    (("朝比奈", "久遠", "水城", "若葉"), ("ひなた", "りつ", "そら", "まこと"), " "),
    (("نور", "سليم", "ريم", "طارق"), ("الهادي", "منصور", "زيدان", "القمر"), " "),
    (("Old", "Doctor", "Auntie", "Captain"), ("Fenn", "Wick", "Sorrel", "Pike"), " "),
    (("मीरा", "तारा", "रोहन", "देव"), ("सागर", "वन", "किरण", "मेघ"), " "),
    (("Juno", "Pella", "Bram", "Silas"), ("(young)", "(the twin)", "the Second", "#2"), " "),
)

_TRADES = (
    "ferryman", "卖花的人", "night nurse", "гость", "邻居", "porter", "clerk", "司机",
    "waiter", "学生", "guard", "mechanic",
)  # fmt: skip

_PHRASES = (
    "你先坐下", "这件事我没说过", "等天亮再说", "钥匙在谁那里", "不是我开的门", "好",
    "雨停了吗", "我看见了那只船", "别回头 往前走", "嗯", "明天一早就走", "信在抽屉里",
    "Not here, they can hear us", "The boat leaves at six", "You kept the letter?", "Yes",
    "I counted them twice", "Leave the lamp on", "No", "That is what she told me",
    "Nobody asked the gardener", "Hold this, and don't look down", "We have an hour, no more",
    "Кто закрыл окно?", "Я вернусь к вечеру", "Тише", "もう遅いよ", "橋の上で待ってる",
    "من أين جئت؟", "कल सुबह मिलते हैं", "Then we go by the river", "Wait", "What did it cost?",
)  # fmt: skip

_ADDRESSES = ("{name}, {text}", "{text}, {name}", "{name}！{text}", "{name}? {text}")


def invent_names(count: int, rng: np.random.Generator) -> list[str]:
    """Different names for a cast, scripts in turn.

    No name holds `/`, `|` or `&`, which mean something in files of speakers.
    """
    pools = []
    for first, last, between in _FORMS:
        pool = [f"{a}{between}{b}" for a in first for b in last]
        pools.append([pool[at] for at in rng.permutation(len(pool)).tolist()])
    names: list[str] = []
    for number in range(count):
        pool = pools[number % len(pools)]
        lap, at = divmod(number // len(pools), len(pool))
        names.append(pool[at] + (f" {lap + 1}" if lap else ""))
    return names


def invent_trades(first: int, count: int, rng: np.random.Generator) -> list[str]:
    """Different labels of people outside the cast, as annotators write them: `porter-7`."""
    return [
        f"{_TRADES[which]}-{first + number}"
        for number, which in enumerate(rng.integers(len(_TRADES), size=count).tolist())
    ]


def phrases(count: int, rng: np.random.Generator) -> list[str]:
    """Short things to say. None holds `/`, which separates speakers within a line."""
    return [_PHRASES[which] for which in rng.integers(len(_PHRASES), size=count).tolist()]


def address(text: str, name: str, which: int) -> str:
    """Say a text to somebody by name, in one of a few ways.

    >>> address("Wait", "Old Fenn", 0)
    'Old Fenn, Wait'
    """
    return _ADDRESSES[which % len(_ADDRESSES)].format(name=name, text=text)
