"""Words for relations that go one way only: whoever is a father is not the other's son."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Rank", "rank_of"]


class Rank(NamedTuple):
    """What a word says of the order of two people.

    Attributes:
        scale: What they are ordered by.
        above: Whether the one who is called so is the elder, or the superior.
    """

    scale: Literal["generation", "age", "authority"]
    above: bool

    @property
    def lasts(self) -> bool:
        """Whether the order never turns round."""
        return self.scale != "authority"


_WORDS: dict[Rank, str] = {
    Rank("generation", True): """
        father mother parent dad mom stepfather stepmother grandfather grandmother grandparent
        father-in-law mother-in-law uncle aunt
        父亲 母亲 爸爸 妈妈 父 母 爹 娘 养父 养母 继父 继母 岳父 岳母 公公 婆婆 爷爷 奶奶 外公 外婆
        祖父 祖母 叔叔 伯伯 舅舅 姑姑 姨妈 阿姨""",
    Rank("generation", False): """
        son daughter child stepson stepdaughter grandson granddaughter grandchild
        son-in-law daughter-in-law nephew niece
        儿子 女儿 孩子 子 女 养子 养女 继子 继女 女婿 儿媳 孙子 孙女 外孙 外孙女 侄子 侄女 外甥
        外甥女""",
    Rank("age", True): "哥哥 姐姐 兄长 大哥 大姐 elder-brother elder-sister",
    Rank("age", False): "弟弟 妹妹 小弟 小妹 younger-brother younger-sister",
    Rank("authority", True): """
        boss superior manager supervisor employer teacher mentor master commander leader chief
        上级 上司 领导 老板 老师 师父 师傅 主人 主子 长官 首长 导师""",
    Rank("authority", False): """
        subordinate employee assistant student pupil apprentice disciple servant maid follower
        下属 下级 部下 手下 员工 助手 助理 学生 徒弟 弟子 仆人 奴才 奴婢 丫鬟""",
}
_RANKS = {word: rank for rank, words in _WORDS.items() for word in words.split()}


def rank_of(word: str) -> Rank | None:
    """What a relation says of the order of two people; None where it says nothing.

    >>> rank_of("daughter"), rank_of("friend")
    (Rank(scale='generation', above=False), None)
    """
    return _RANKS.get(word.replace(" ", "-"))
