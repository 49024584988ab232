"""A large knowledge base for the bench: the shipped articles, each for many currencies, places and things.

Realistic in what makes retrieval hard: hundreds of articles share a topic and differ in a word or two, and
questions come in wordings that no article of the topic has. The same seed makes the same base in every process.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from kb.article import Article
from kb.golden import Question
from kb.shipped import articles as shipped_articles

EACH = 10  # phrasings an article
_SHOWN = 0.7  # share of a topic's wordings that phrasings are made of; questions use the others


@dataclass(frozen=True, slots=True)
class _Words:
    """What varies: `about` and `where` make an article of a topic, the rest makes wordings of it.
    `order` puts together the wording, `about` and `where`."""

    about: tuple[str, ...]
    where: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    order: str
    spaced: bool


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


_WORDS = {
    "en": _Words(
        about=_split(
            "in euros|in dollars|in pounds|in yen|in francs|in rupees|in pesos|in yuan|in dirhams|in "
            "bitcoin|in ether|in stablecoins|with a virtual card|with my business profile|with the "
            "joint account|with the youth account|with a gift card|with the savings pot|with the "
            "metal card|with a standing order|with the travel package|with the family plan|with my "
            "salary account|with the student plan|with the watch|with the tablet"
        ),
        where=_split(
            "in Spain|in Portugal|in Germany|in France|in Poland|in Turkey|in Egypt|in Kenya|in Nigeria|in "
            "India|in Nepal|in Thailand|in Vietnam|in Malaysia|in Singapore|in Japan|in Korea|in Brazil|in "
            "Mexico|in Chile|in Peru|in Canada|in Australia|in Ireland|in Norway|in Georgia|in "
            "Morocco|in Qatar|in Greece|in Romania|in Iceland|in Estonia|in Cyprus|in Malta"
        ),
        before=_split("|hi, |please tell me, |quick question: |sorry, |hello there, |ok so |hey "),
        after=_split("|?|, please| thanks| any idea| asap| today| again"),
        order="{text} {about} {where}",
        spaced=True,
    ),
    "zh": _Words(
        about=_split(
            "欧元|美元|英镑|日元|法郎|卢比|比索|港币|迪拉姆|比特币|以太币|稳定币|虚拟卡|商户账户|联名账户|"
            "青少年账户|礼品卡|储蓄罐|金属卡|定期转账|旅行套餐|家庭套餐|工资账户|学生套餐|手表|平板"
        ),
        where=_split(
            "西班牙|葡萄牙|德国|法国|波兰|土耳其|埃及|肯尼亚|尼日利亚|印度|尼泊尔|泰国|越南|马来西亚|新加坡|"
            "日本|韩国|巴西|墨西哥|智利|秘鲁|加拿大|澳大利亚|爱尔兰|挪威|格鲁吉亚|摩洛哥|卡塔尔|希腊|罗马尼亚|"
            "冰岛|爱沙尼亚|塞浦路斯|马耳他"
        ),
        before=_split("|你好，|请问|麻烦问下，|那个，|客服，|急，|想问一下"),
        after=_split("|？|啊|呢|，谢谢|，急|呀|，在线等"),
        order="{where}{about}，{text}",
        spaced=False,
    ),
}
LOCALES = tuple(_WORDS)


@dataclass(frozen=True, slots=True)
class Made:
    """The base, and questions for some of its articles in wordings that these do not have."""

    articles: tuple[Article, ...]
    questions: tuple[Question, ...]


def most_phrasings(locale: str) -> int:
    """The largest base that can be made."""
    return len(_topics(locale)) * len(_places(_WORDS[locale])) * EACH


def make(phrasings: int, questions: int, locale: str, seed: int) -> Made:
    """A base of so many phrasings in all. Raises ValueError above `most_phrasings`."""
    most = most_phrasings(locale)
    if phrasings > most:
        raise ValueError(f"the bench can make {most:,} phrasings in {locale!r} at most")
    words, topics, rng = _WORDS[locale], _topics(locale), random.Random(seed)  # noqa: S311
    places = _places(words)
    rng.shuffle(places)
    wordings = {topic.id: _parted(topic, rng) for topic in topics}
    count = -(-phrasings // EACH)
    asked = set(rng.sample(range(count), min(questions, count)))
    articles: list[Article] = []
    found: list[Question] = []
    for number in range(count):
        topic, place = topics[number % len(topics)], places[number // len(topics)]
        name = f"{topic.id}-{number // len(topics)}"
        shown, hidden = wordings[topic.id]
        size = min(EACH, phrasings - number * EACH)
        lines = _lines(words, rng.sample(shown, len(shown)), place, size, rng)
        title = words.order.format(text=topic.title, about=place[0], where=place[1]).strip(" ，")
        articles.append(Article(name, locale, title, phrasings=lines))
        if number in asked:
            line = _said(words, rng.choice(hidden), place, rng)
            found.append(Question(locale, line, name))
    return Made(tuple(articles), tuple(found))


def _topics(locale: str) -> list[Article]:
    return [one for one in shipped_articles() if one.locale == locale and len(one.phrasings) > 1]


def _parted(topic: Article, rng: random.Random) -> tuple[list[str], list[str]]:
    """The wordings that articles of the topic have, and those that they do not."""
    mixed = rng.sample(topic.phrasings, len(topic.phrasings))
    shown = min(len(mixed) - 1, max(1, int(len(mixed) * _SHOWN)))
    return mixed[:shown], mixed[shown:]


def _places(words: _Words) -> list[tuple[str, str]]:
    about, where = ("", *words.about), ("", *words.where)
    return [(one, other) for one in about for other in where]


def _lines(
    words: _Words, wordings: Sequence[str], place: tuple[str, str], count: int, rng: random.Random
) -> tuple[str, ...]:
    """Wordings in turn. Some leave out half of what their article is about."""
    lines = []
    for number in range(count):
        about, where = place
        if rng.random() < 0.2:
            about, where = rng.choice(((about, ""), ("", where)))
        lines.append(_said(words, wordings[number % len(wordings)], (about, where), rng))
    return tuple(lines)


def _said(words: _Words, wording: str, place: tuple[str, str], rng: random.Random) -> str:
    """A wording as one person says it of one place."""
    text = _shaken(wording.rstrip("?？。. "), words, rng)
    text = words.order.format(text=text, about=place[0], where=place[1]).strip(" ，")
    return " ".join(f"{rng.choice(words.before)}{text}{rng.choice(words.after)}".split())


def _shaken(text: str, words: _Words, rng: random.Random) -> str:
    """A word left out, or two letters of it swapped, each in one line of five."""
    parts = text.split() if words.spaced else list(text)
    if len(parts) > 3 and rng.random() < 0.2:
        del parts[rng.randrange(len(parts))]
    place = rng.randrange(len(parts))
    if rng.random() < 0.2 and len(parts[place]) > 3:
        word, at = parts[place], rng.randrange(1, len(parts[place]) - 2)
        parts[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return (" " if words.spaced else "").join(parts)
