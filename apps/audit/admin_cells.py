"""What the cells of admin lists and pages hold: statuses, links, IDs."""

from datetime import datetime
from functools import cache

from django.template import Context, Template
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import pgettext_lazy

# What a cell shows where there is no value.
NOTHING = pgettext_lazy("a value", "None")


@cache
def _status_template() -> Template:
    return Template("{% load specway %}{% status kind label reason %}")


def status_label(kind: str, label: str | Promise, reason: str | Promise = "") -> SafeString:
    """A status as on the product's pages: icon, word and reason. `kind` is good, bad, warn or idle."""
    return _status_template().render(Context({"kind": kind, "label": label, "reason": reason}))


_TILE = """{% load specway %}<span class="who">{% tile service icon "sm" %}
<span>{{ name }}<span class="sub">{{ service }}</span></span></span>"""


@cache
def _tile_template() -> Template:
    return Template(_TILE)


def service_tile(name: str, service: str, icon: str) -> SafeString:
    """The name of a thing at a service, with the service's logo and name."""
    return _tile_template().render(Context({"name": name, "service": service, "icon": icon}))


@cache
def _ago_template() -> Template:
    return Template("{% load specway %}{% ago at empty %}")


def ago(at: datetime | None, empty: str | Promise = NOTHING) -> SafeString:
    """How long ago a time was, for lists."""
    return _ago_template().render(Context({"at": at, "empty": empty}))


def linked(view: str, key: object, label: object) -> SafeString:
    """A link to the admin page `view` (a URL name) of the row `key`."""
    return format_html('<a href="{}">{}</a>', reverse(view, args=[key]), label)


def moment(at: datetime | None, empty: str | Promise = NOTHING, *, seconds: bool = False) -> SafeString:
    """A time in the reader's time zone, with the zone's name; `empty` if there is none."""
    if at is None:
        return format_html("{}", empty)
    local = localtime(at)
    text = date_format(local, "j M Y, H:i:s T" if seconds else "j M Y, H:i T")
    return format_html('<time class="nowrap" datetime="{}">{}</time>', at.isoformat(), text)
