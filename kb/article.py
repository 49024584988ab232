"""One article of the knowledge base in one language, as a value that never changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Link:
    """A link shown under an answer. `url` may hold placeholders, like the body."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Article:
    """A published version of an article in one locale.

    `id` is shared by the translations of one article; `(id, locale)` is unique in a base.
    `body` is Markdown with placeholders that are rendered elsewhere; here it is only text.
    `phrasings` are other ways in which people ask the same; five and more make a good article.
    """

    id: str
    locale: str  # BCP 47, "zh" or "en"
    title: str
    body: str = ""
    phrasings: tuple[str, ...] = ()
    category: str = ""
    owner: str = ""
    review: date | None = None  # the day on which the owner looks at it again
    version: int = 1
    related: tuple[str, ...] = ()  # ids of other articles
    links: tuple[Link, ...] = ()
    video: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What makes an article one: its id and its locale."""
        return self.id, self.locale
