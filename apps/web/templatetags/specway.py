"""Template tags for icons, logos, statuses, badges, avatars, times (of `apps.web.times`) and form fields."""

from functools import lru_cache
from typing import Any

from django import template
from django.db.models import Q
from django.forms import BoundField, CheckboxInput, Select, Textarea
from django.template import Context
from django.template.base import NodeList, Parser, Token
from django.urls import get_script_prefix, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, pgettext_lazy

from apps.connections.models import Connection
from apps.connections.policy.promises import PROMISES
from apps.connections.policy.state import State, state_of, verified_at
from apps.integrations.models import Integration
from apps.sentences import text_of_catalog
from apps.sentences import translated as translated_sentence
from apps.sql import distinct_values
from apps.teams.actor import Actor
from apps.teams.forms import options_html
from apps.web import logos, times
from apps.web.icons import ICONS

register = template.Library()

TILE_SIZES = {"": "", "sm": " tile--sm", "lg": " tile--lg"}
STATUS_KINDS = ("good", "bad", "warn", "idle")
ACCESS_LEVELS = {
    "read": pgettext_lazy("kind of access", "read"),
    "write": pgettext_lazy("kind of access", "write"),
    "admin": pgettext_lazy("kind of access", "admin"),
}

for tag in (times.ago, times.until):
    register.simple_tag(tag)
for text_filter in (times.day, times.short_day, times.moment, times.short_moment, times.clock):
    register.filter(text_filter)


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """One of the interface's icons, hidden from assistive technology, since a label is always next to it."""
    return _icon(name, extra)


@lru_cache(maxsize=512)
def _icon(name: str, extra: str) -> SafeString:
    shape = mark_safe(ICONS[name])  # noqa: S308 - a constant of ours
    return format_html(
        '<svg class="icon{}" viewBox="0 0 16 16" aria-hidden="true">{}</svg>', f" {extra}" if extra else "", shape
    )


@register.simple_tag
def mark() -> SafeString:
    """The Specway logo."""
    return mark_safe(
        '<svg class="brand__mark" viewBox="0 0 24 24" aria-hidden="true">'
        '<rect width="24" height="24" rx="6" fill="currentColor"/>'
        '<path d="M16 7.25h-5a2.375 2.375 0 0 0 0 4.75h2a2.375 2.375 0 0 1 0 4.75H8" fill="none" stroke-width="1.9"'
        ' stroke-linecap="round"/><circle cx="17.25" cy="7.25" r="1.4" fill="none" stroke-width="1.5"/>'
        '<circle cx="6.75" cy="16.75" r="1.4" fill="none" stroke-width="1.5"/></svg>'
    )


@register.simple_tag
def tile(name: str, icon_slug: str | None = "", size: str = "") -> SafeString:
    """The logo of the service `name`: `icon_slug` of simple-icons if it exists, else a monogram.

    `size` is "" (32 px), "sm" (24 px) or "lg" (48 px).
    """
    return _tile(name, icon_slug or "", TILE_SIZES[size])


@lru_cache(maxsize=2048)
def _tile(name: str, slug: str, size_class: str) -> SafeString:
    known = logos.logo(slug) if slug else None
    if known is None:
        return format_html(
            '<svg class="tile{}" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="{}"/>'
            '<text x="16" y="22">{}</text></svg>',
            size_class,
            logos.monogram_color(name),
            logos.monogram(name),
        )
    color, path = known
    return format_html(
        '<svg class="tile{}" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="{}"/>'
        '<path fill="{}" transform="translate(7 7) scale(.75)" d="{}"/></svg>',
        size_class,
        color,
        logos.readable_on(color),
        path,
    )


@register.simple_tag
def status(kind: str, label: str | Promise, reason: str | Promise = "") -> SafeString:
    """A status: icon, label, reason. `kind` is good, bad, warn or idle."""
    if kind not in STATUS_KINDS:
        raise ValueError(f"status kind must be one of {', '.join(STATUS_KINDS)}, not {kind!r}")
    return _status(kind, *(part if isinstance(part, str) else str(part) for part in (label, reason)))


@lru_cache(maxsize=512, typed=True)  # text is escaped, and the same text that is marked as safe is not
def _status(kind: str, label: str, reason: str) -> SafeString:
    return format_html(
        '<span class="status status--{}">{}<span><span class="status__label">{}</span>{}</span></span>',
        kind,
        icon(kind),
        label,
        format_html(" · {}", reason) if reason else "",
    )


@register.simple_tag
def connection_status(connection: Connection) -> SafeString:
    """The state of a connection (`with_details`), as everywhere on pages."""
    return _state(state_of(connection), get_language())


@lru_cache(maxsize=32)
def _state(state: State, language: str | None) -> SafeString:
    """The status in the active language, which is `language`."""
    return status(state.kind, state.label)


@register.simple_tag
def verified(connection: Connection) -> SafeString:
    """When a connection was last seen to work, or what to do if that is not known; "" if it needs attention."""
    if state_of(connection) is State.UNVERIFIED:
        return format_html("{}", gettext("No successful call yet"))
    at = verified_at(connection)
    return format_html(gettext("Verified {time}"), time=times.ago(at)) if at else SafeString()


@register.simple_tag
def connected_services(actor: Actor, also: list[str]) -> list[tuple[str, str]]:
    """Slug and name of the services that the team has connections to, by name, after those with the slugs `also`."""
    connected = distinct_values(Connection, "integration", team_id=actor.team.pk) if actor.team else []
    rows = Integration.objects.visible_to(actor).filter(Q(pk__in=connected) | Q(slug__in=also))
    names = {slug: slug for slug in also} | dict(rows.order_by().values_list("slug", "name"))
    return sorted(names.items(), key=lambda pair: (pair[0] not in also, pair[1].casefold()))


@register.simple_tag
def access_badge(access: str) -> SafeString:
    """The kind of access that a permission grants: read, write or admin."""
    if access not in ACCESS_LEVELS:
        raise ValueError(f"access must be one of {', '.join(ACCESS_LEVELS)}, not {access!r}")
    return format_html('<span class="badge badge--{}">{}</span>', access, ACCESS_LEVELS[access])


@register.tag
def compact(parser: Parser, token: Token) -> "CompactNode":
    """`{% compact %}…{% endcompact %}`: without the line breaks and indents of templates, for long lists."""
    nodes = parser.parse(("endcompact",))
    parser.delete_first_token()
    return CompactNode(nodes)


class CompactNode(template.Node):
    """Removes white space between tags, and leaves one space of each other run of it."""

    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:
        html = " ".join(self.nodelist.render(context).split())
        return mark_safe(html.replace("> <", "><").replace(" >", ">"))  # noqa: S308 - escaped by the nodes


@register.simple_tag
def promise(name: str) -> str:
    """A sentence about who may do what with a connection, by its name in `apps.connections.policy.promises`."""
    return str(PROMISES[name])


@register.simple_tag
def help_url(topic: str | None) -> str:
    """The page of a topic of help; that of all topics without one."""
    return _help_url(topic, get_script_prefix())


@lru_cache(maxsize=100)
def _help_url(topic: str | None, prefix: str) -> str:
    """The URL under `prefix`, which is that of the current request."""
    return reverse("web:help_topic", args=[topic]) if topic else reverse("web:help")


@register.simple_tag
def avatar(name: str, size: str = "") -> SafeString:
    """The initials of a person or team; the name has to be next to it. `size` is "" or "sm"."""
    words = [word for word in name.replace("@", " ").split() if word[0].isalnum()]
    initials = "".join(word[0] for word in (words[:1] if size == "sm" else [*words[:1], *words[1:][-1:]])).upper()
    return format_html(
        '<span class="avatar{}" aria-hidden="true">{}</span>', " avatar--sm" if size == "sm" else "", initials or "?"
    )


@register.simple_tag
def options(field: BoundField) -> SafeString:
    """The options of a select with a single value. A loop of the template takes several times as long."""
    choices: Any = field.field
    return options_html(choices.choices, [str(field.value() or "")])


@register.filter
def translated(sentence: str) -> str:
    """A sentence that is raised or stored in English, in the reader's language."""
    return translated_sentence(str(sentence or ""))


@register.filter
def catalog_text(text: str) -> str:
    """A text of the catalog of services: in the reader's language, else marked as English."""
    return text_of_catalog(text)


@register.inclusion_tag("partials/field.html")
def field(
    bound: BoundField, label: str = "", hint: str | None = None, aside: str = "", aside_url: str = "", **attrs: Any
) -> dict[str, Any]:
    """A form field with its label, hint and errors, wired together by `aria-describedby`.

    `hint` replaces the form's help text ("" removes it). `aside` and `aside_url` make a link beside the label.
    Further keyword arguments become attributes of the control (`inputmode="numeric"`; `_` becomes `-`).
    """
    if hint is not None:
        bound.help_text = hint
    widget = bound.field.widget
    wanted = {name.replace("_", "-"): value for name, value in attrs.items() if value is not False}
    # Placeholders would repeat the label, which is always above the field.
    widget.attrs.pop("placeholder", None)
    is_check = isinstance(widget, CheckboxInput)
    classes = [widget.attrs.get("class", ""), wanted.pop("class", ""), "" if is_check else _control_class(widget)]
    if joined := " ".join(filter(None, classes)):
        wanted["class"] = joined
    return {
        "field": bound,
        "label": label or bound.label,
        "hint": bound.help_text,
        "aside": aside,
        "aside_url": aside_url,
        "control": bound.as_widget(attrs=wanted),
        "is_check": is_check,
    }


def _control_class(widget: object) -> str:
    if isinstance(widget, Textarea):
        return "textarea"
    return "select" if isinstance(widget, Select) else "input"


_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@register.filter
def browser(user_agent: str) -> str:
    """A `User-Agent` header as text, such as "Firefox on macOS", for people to recognize their devices."""
    program = next((name for sign, name in _BROWSERS if sign in user_agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    if program and system:
        return gettext("%(program)s on %(system)s") % {"program": program, "system": system}
    return program or user_agent.split(" ")[0].partition("/")[0] or gettext("Unknown program")
