"""The shipped articles keep the rules of kb/content/README.md, read straight from the files."""

import re
import unicodedata
from collections import Counter
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

CONTENT = Path(__file__).parents[2] / "kb" / "content"
LOCALES = ("zh", "en")
TOPICS = frozenset(
    [
        "two-step-verification",
        "backup-recovery-phrase",
        "lost-phone",
        "forgot-password",
        "account-hacked",
        "change-phone-number",
        "login-new-device",
        "freeze-account",
        "close-account",
        "official-channels",
        "fake-support",
        "phishing-link",
        "why-bot-contacts-me",
        "sent-to-scammer",
        "transaction-pending",
        "transaction-failed",
        "wrong-address",
        "transaction-history",
        "cancel-transaction",
        "duplicate-charge",
        "refund-how",
        "refund-time",
        "complain-how",
        "complain-about-merchant",
        "talk-to-person",
        "deposit",
        "withdraw",
        "receive-money",
        "send-money",
        "link-bank-card",
        "physical-card",
        "change-language",
        "notifications",
        "fees-overview",
        "withdrawal-fee",
        "network-fee",
        "limits-overview",
        "deposit-minimum",
        "verification-how",
        "verification-failed",
        "verification-time",
        "change-personal-data",
        "open-account",
        "application-approved",
        "application-rejected",
        "who-can-open",
        "face-check",
        "document-expired",
        "change-email",
        "change-password",
        "payment-pin",
        "locked-out",
        "code-not-received",
        "biometric-login",
        "sign-out-devices",
        "account-restricted",
        "money-safe",
        "remote-access",
        "investment-scam",
        "rent-account",
        "deposit-missing",
        "deposit-failed",
        "withdrawal-missing",
        "withdrawal-failed",
        "card-link-failed",
        "someone-elses-card",
        "wrong-amount",
        "request-money",
        "scheduled-transfer",
        "payment-proof",
        "pay-in-shop",
        "payment-declined",
        "stop-subscription",
        "unknown-charge",
        "amount-held",
        "card-pin",
        "card-lost",
        "card-abroad",
        "exchange-currency",
        "supported-currencies",
        "wrong-network",
        "coin-deposit-missing",
        "travelling-abroad",
        "balance-wrong",
        "tax-papers",
        "invite-friends",
        "survey-reward",
        "app-problems",
        "maintenance",
        "two-accounts",
        "business-account",
        "family-account",
        "data-privacy",
        "complaint-status",
        "about-wallet",
        "licence",
    ]
)
CATEGORIES = frozenset(
    ["security", "scams", "transactions", "refunds", "functions", "fees", "limits", "verification"]
)
OWNERS = frozenset(["security", "payments", "care", "product", "compliance"])
PLACEHOLDERS = frozenset(
    [
        "brand",
        "channels.app",
        "channels.website",
        "channels.support_hours",
        "channels.hotline",
        "channels.official_page",
        "fees.withdrawal",
        "fees.transfer",
        "fees.deposit",
        "fees.card",
        "fees.network_note",
        "limits.daily_send",
        "limits.daily_withdraw",
        "limits.single",
        "limits.deposit_minimum",
        "times.refund_days",
        "times.card_days",
        "times.review_hours",
        "times.complaint_reply_hours",
        "links.help",
        "links.security",
        "links.complaints",
        "links.download",
    ]
)
REQUIRED = frozenset(["id", "locale", "title", "category", "owner", "review", "phrasings"])
OPTIONAL = frozenset(["related", "links", "video"])
BODY_LENGTH = range(40, 141)

PLACEHOLDER = re.compile(r"\{\{([a-z_.]+)\}\}")
MARKDOWN_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
LIST_MARK = re.compile(r"^(?:\d+\. |- )", re.MULTILINE)
HOST = re.compile(
    r"https?:|www\.|\b[a-z0-9-]+\.(?:com|cn|net|org|io|app|me|example)\b", re.IGNORECASE
)
OWN_NUMBER = re.compile(r"\d|[一二两三四五六七八九十百千万]+(?:元|块|小时|分钟|个工作日|%)")

# Stricter than a person would read it: a verb that asks and a secret in one sentence need a
# negation ahead of the verb.
SECRETS = {
    "zh": re.compile(r"密码|验证码|动态码|备用码|助记词|恢复短语|私钥|卡号|身份证|证件照"),
    "en": re.compile(
        r"password|passcode|\bPIN\b|(?<!QR )\bcodes?\b|recovery phrase|private key|card number",
        re.IGNORECASE,
    ),
}
ASKING = {
    "zh": re.compile(r"发送|发到|发给|告诉|提供|输入|填写|填入|回复|上传|提交|索要|说出|给我|报给"),
    "en": re.compile(
        r"\b(?:send|tell|give|enter|type|provide|share|reply|submit|upload|ask|post|hand)\b",
        re.IGNORECASE,
    ),
}
NEGATION = {"zh": re.compile(r"不|勿"), "en": re.compile(r"\b(?:never|not)\b|n't", re.IGNORECASE)}
SENTENCE_END = re.compile(r"[。！？；;\n]|(?<=[.!?])\s")


class Article(NamedTuple):
    """One file: where it stands, its front matter, and the answer below it."""

    path: Path
    front: dict[str, object]
    body: str

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def locale(self) -> str:
        return self.path.parent.name

    def text(self, field: str) -> str:
        value = self.front[field]
        assert isinstance(value, str), f"{field} is not text"
        return value

    def texts(self, field: str) -> list[str]:
        value = self.front.get(field, [])
        assert isinstance(value, list), f"{field} is not a list"
        assert all(isinstance(item, str) and item.strip() for item in value), field
        return list(value)

    def addresses(self) -> list[str]:
        """Every address that the article can send a person to."""
        found = [target for _, target in MARKDOWN_LINK.findall(self.body)]
        links = self.front.get("links", [])
        assert isinstance(links, list)
        for link in links:
            assert set(link) == {"label", "url"}
            assert link["label"].strip()
            found.append(link["url"])
        video = self.front.get("video")
        if video is not None:
            assert isinstance(video, dict)
            assert set(video) == {"label", "url", "thumbnail"}
            found += [video["url"], video["thumbnail"]]
        return found


def read_article(path: Path) -> Article:
    opening, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    assert opening == "", f"{path.name} does not begin with front matter"
    try:
        fields = dict(YAML(typ="safe").load(front))
    except (YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise ValueError(f"{path.parent.name}/{path.name}: {error}") from error
    return Article(path, fields, body.strip())


def fold(text: str) -> str:
    """The text as two people would call it the same: no case, width, spaces or punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum())


def length(article: Article) -> int:
    """Words (en) or Han characters and Latin words (zh); a placeholder counts as one."""
    text = MARKDOWN_LINK.sub(r"\1", LIST_MARK.sub("", article.body))
    text = PLACEHOLDER.sub(" X ", text)
    unit = r"[\u4e00-\u9fff]|[A-Za-z0-9]+" if article.locale == "zh" else r"[\w'’-]+"
    return len(re.findall(unit, text))


def asks_for_a_secret(text: str, locale: str) -> list[str]:
    """The sentences that name a secret beside an asking verb that no negation precedes."""
    guilty = []
    for sentence in SENTENCE_END.split(text):
        asked = ASKING[locale].search(sentence)
        if asked and SECRETS[locale].search(sentence):
            negation = NEGATION[locale].search(sentence)
            if negation is None or negation.start() > asked.start():
                guilty.append(sentence)
    return guilty


ARTICLES = [read_article(path) for loc in LOCALES for path in sorted((CONTENT / loc).glob("*.md"))]
each_article = pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.name)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_topic_has_an_article_in_this_language(locale: str) -> None:
    ids = {article.path.stem for article in ARTICLES if article.locale == locale}
    assert len(TOPICS) == 96
    assert ids >= TOPICS, f"missing: {sorted(TOPICS - ids)}"


def test_every_article_exists_in_both_languages_and_they_agree() -> None:
    sides = {
        loc: {article.path.stem: article for article in ARTICLES if article.locale == loc}
        for loc in LOCALES
    }
    assert set(sides["zh"]) == set(sides["en"])
    for stem, zh in sides["zh"].items():
        en = sides["en"][stem]
        for field in ("category", "owner", "review", "related"):
            assert zh.front.get(field) == en.front.get(field), f"{stem}: {field} differs"
        assert Counter(zh.addresses()) == Counter(en.addresses()), f"{stem}: links differ"


@each_article
def test_front_matter_is_complete_and_names_the_file(article: Article) -> None:
    assert set(article.front) >= REQUIRED
    assert set(article.front) <= REQUIRED | OPTIONAL
    assert article.text("id") == article.path.stem
    assert re.fullmatch(r"[a-z]+(?:-[a-z]+)*", article.text("id"))
    assert article.text("locale") == article.locale
    assert article.text("category") in CATEGORIES
    assert article.text("owner") in OWNERS


@each_article
def test_review_is_a_plain_date(article: Article) -> None:
    assert type(article.front["review"]) is date


def test_reviews_do_not_all_fall_on_the_same_days() -> None:
    per_day = Counter(article.front["review"] for article in ARTICLES if article.locale == "en")
    assert max(per_day.values()) <= 3


@each_article
def test_phrasings_are_six_to_nine_and_not_the_title_again(article: Article) -> None:
    phrasings = article.texts("phrasings")
    assert 6 <= len(phrasings) <= 9
    assert fold(article.text("title")) not in {fold(phrasing) for phrasing in phrasings}


@pytest.mark.parametrize("locale", LOCALES)
def test_no_title_or_phrasing_is_used_twice_in_a_language(locale: str) -> None:
    used: dict[str, list[str]] = {}
    for article in ARTICLES:
        if article.locale == locale:
            for question in [article.text("title"), *article.texts("phrasings")]:
                used.setdefault(fold(question), []).append(article.name)
    assert "" not in used
    assert {question: names for question, names in used.items() if len(names) > 1} == {}


@each_article
def test_related_articles_exist_and_are_others(article: Article) -> None:
    related = article.texts("related")
    assert len(related) == len(set(related))
    assert article.path.stem not in related
    for other in related:
        assert (article.path.parent / f"{other}.md").is_file(), other


@each_article
def test_only_known_placeholders_and_no_other_template_code(article: Article) -> None:
    text = "\n".join([article.text("title"), article.body, *article.addresses()])
    assert set(PLACEHOLDER.findall(text)) <= PLACEHOLDERS
    assert not re.search(r"[{}]|%\}", PLACEHOLDER.sub("", text))
    assert not re.search(r"[{}]", "".join(article.texts("phrasings")))


@each_article
def test_every_address_is_a_placeholder(article: Article) -> None:
    for address in article.addresses():
        assert PLACEHOLDER.fullmatch(address), address
    assert not HOST.search(PLACEHOLDER.sub("", article.body))


@each_article
def test_body_fits_a_chat_bubble(article: Article) -> None:
    assert length(article) in BODY_LENGTH, length(article)


@each_article
def test_body_is_paragraphs_lists_bold_and_links_only(article: Article) -> None:
    for line in article.body.splitlines():
        assert not re.match(r"#|>|\||```|~~~|\s+\S|!\[", line), line
    assert not re.search(r"<[a-zA-Z/!]", article.body)
    assert article.body.count("**") % 2 == 0
    steps = re.findall(r"^(\d+)\. ", article.body, flags=re.MULTILINE)
    assert steps == [str(number) for number in range(1, len(steps) + 1)]
    assert len(steps) in (0, 2, 3, 4)


@each_article
def test_amounts_and_times_come_from_placeholders(article: Article) -> None:
    text = PLACEHOLDER.sub("", LIST_MARK.sub("", article.body))
    assert OWN_NUMBER.findall(text) == []


@each_article
def test_answer_and_title_never_ask_for_a_secret(article: Article) -> None:
    assert asks_for_a_secret(article.text("title") + "\n" + article.body, article.locale) == []


@pytest.mark.parametrize(
    ("text", "locale", "asks"),
    [
        ("Please send your password here.", "en", True),
        ("Reply with the code, not later.", "en", True),
        ("We never ask for your password.", "en", False),
        ("Send a friend your QR code.", "en", False),
        ("请回复收到的验证码。", "zh", True),
        ("我们绝不会向您索要密码。", "zh", False),
        ("修改密码。回复“人工”。", "zh", False),
    ],
)
def test_check_for_secrets_tells_asking_from_warning(text: str, locale: str, asks: bool) -> None:
    assert bool(asks_for_a_secret(text, locale)) is asks


ZH_ARTICLES = [article for article in ARTICLES if article.locale == "zh"]


@pytest.mark.parametrize("article", ZH_ARTICLES, ids=lambda article: article.name)
def test_chinese_answers_are_polite_and_use_chinese_punctuation(article: Article) -> None:
    text = LIST_MARK.sub("", MARKDOWN_LINK.sub(r"\1", article.body))
    assert "你" not in text
    assert not re.search(r"[\u4e00-\u9fff][,.;:?!]|[,.;:?!][\u4e00-\u9fff]", text)
    assert text.count("“") == text.count("”")
    assert not re.search(r'["\']', text)
