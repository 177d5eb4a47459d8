"""The topics of help; the `help` of each error names one. The texts are in templates/help/topics/."""

import re
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

# Topics by group: slug and title.
GROUPS = (
    (
        _("Connecting"),
        (
            ("connection-failed", _("Connection failed")),
            ("popup-blocked", _("Popup blocked")),
            ("authorization-failed", _("Authorization failed")),
            ("wrong-account", _("Different account")),
            ("sandbox", _("Testing failures")),
        ),
    ),
    (
        _("Connections that need attention"),
        (
            ("token-expired", _("Token expired or revoked")),
            ("insufficient-permissions", _("Insufficient permissions")),
            ("invalid-api-key", _("Invalid API key")),
            ("values-missing", _("A value is missing")),
        ),
    ),
    (
        _("Calls that fail"),
        (
            ("unauthorized", _("Unauthorized")),
            ("rate-limited", _("Rate limited")),
            ("connection-refused", _("Connection refused")),
            ("timeout", _("Timeout")),
        ),
    ),
    (
        _("OAuth apps and operation"),
        (
            ("callback", _("Callback URL of this installation")),
            ("redirect-uri-mismatch", _("Redirect URI mismatch")),
            ("not-set-up", _("Not set up yet")),
            ("oauth-app-refused", _("OAuth app rejected")),
            ("unreadable-secret", _("Secret cannot be read")),
        ),
    ),
)
SECTIONS = tuple(topic for _, topics in GROUPS for topic in topics)
# Characters of a topic that lists show.
EXCERPT = 140


@dataclass(frozen=True)
class Topic:
    """A topic of help. `text` is all its words, `excerpt` the first sentences of its first paragraph."""

    slug: str
    title: str
    text: str
    excerpt: str

    @property
    def template(self) -> str:
        return f"help/topics/{self.slug}.html"

    def has(self, words: list[str]) -> bool:
        """Whether the title or the text has all these words, in lower case."""
        everything = f"{self.title} {self.text}".casefold()
        return all(word in everything for word in words)


@dataclass(frozen=True)
class Group:
    """Topics under a title."""

    title: str
    topics: list[Topic]


def groups() -> list[Group]:
    """All topics, in groups, in the current language."""
    return _groups_in(get_language() or "")


@cache
def _groups_in(language: str) -> list[Group]:
    return [Group(str(title), [_topic(slug, str(name)) for slug, name in topics]) for title, topics in GROUPS]


def topics() -> dict[str, Topic]:
    """All topics by slug."""
    return {topic.slug: topic for group in groups() for topic in group.topics}


def search_topics(query: str) -> list[Topic]:
    """The topics that have all words of the query: those first whose title has them."""
    words = query.casefold().split()
    found = [topic for topic in topics().values() if topic.has(words)] if words else []
    return sorted(found, key=lambda topic: not all(word in topic.title.casefold() for word in words))


def callback_url() -> str:
    """The redirect URI of this installation's OAuth apps."""
    return f"{settings.PUBLIC_URL}/oauth/callback"


def _topic(slug: str, title: str) -> Topic:
    html = render_to_string(f"help/topics/{slug}.html", {"callback_url": callback_url()})
    paragraphs = (part for part in _PARAGRAPH.findall(html) if _STATUS not in part)
    return Topic(slug, title, _text(html), _excerpt(_text(next(paragraphs, html))))


_PARAGRAPH = re.compile(r"<p>(.*?)</p>", re.DOTALL)
_STATUS = 'class="status'


def _excerpt(text: str) -> str:
    """The beginning of the text, to the end of a sentence where one ends."""
    if len(text) <= EXCERPT:
        return text
    start = text[:EXCERPT]
    return start[: start.rfind(". ") + 1] or f"{start.rsplit(' ', 1)[0]}…"


def _text(html: str) -> str:
    # A space for each tag, so that the words of two elements stay apart.
    return " ".join(strip_tags(html.replace("<", " <")).split()).replace(" .", ".").replace(" ,", ",")
