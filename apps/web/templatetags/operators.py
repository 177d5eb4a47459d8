"""Template tags of the administration: its navigation, and the cells of its lists."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, pgettext

from apps.web import waiting
from apps.web.navigation import OPERATORS, Item, may_view

register = template.Library()


@dataclass(frozen=True)
class Group:
    """Entries of the navigation under a title."""

    title: str | Promise
    items: list[dict[str, Any]] = field(default_factory=list)


@register.simple_tag(takes_context=True)
def operator_navigation(context: Context) -> list[Group]:
    """The entries that the operator may open, with the numbers of what waits for an operator."""
    request = context["request"]
    groups = []
    for title, items in OPERATORS:
        allowed = [item for item in items if may_view(request.user, item.model)]
        if allowed:
            groups.append(Group(title, [_entry(item, request.path) for item in allowed]))
    return groups


def _entry(item: Item, path: str) -> dict[str, Any]:
    url = reverse(item.view)
    is_current = path == url or (bool(item.model) and path.startswith(url))
    return {"label": item.label, "icon": item.icon, "url": url, "is_current": is_current, **_waiting(item.model)}


def _waiting(model: str) -> dict[str, Any]:
    """What waits for somebody: a number up to waiting.MOST_WAITING, as words, and the class of its badge."""
    count = {
        "connections.connection": waiting.waiting_connections,
        "integrations.oauthapp": waiting.rejected_oauth_apps,
        "integrations.servicerequest": waiting.open_requests,
    }.get(model)
    if count is None or not (found := count()):
        return {"count": ""}
    words = f"{waiting.MOST_WAITING}+" if found > waiting.MOST_WAITING else str(found)
    is_request = model.endswith("servicerequest")
    return {
        "count": words,
        "counted": gettext("waiting") if is_request else gettext("need attention"),
        "badge": "" if is_request else "badge--bad",
    }


@register.simple_tag
def labeled_rows(headers: Iterable[dict[str, Any]], rows: Iterable[Iterable[str]]) -> list[SafeString]:
    """The rows of an admin list as cells with the label of their column, which phones show beside them."""
    labels = [str(header["text"]) for header in headers]
    return [mark_safe("".join(_cells(labels, row))) for row in rows]  # noqa: S308 - made by Django's admin, and escaped


_CELL = re.compile(r'^<(?:td|th)(?: class="([^"]*)")?>(.*)</(?:td|th)>$', re.DOTALL)


def _cells(labels: list[str], row: Iterable[str]) -> Iterator[str]:
    is_title_next = True
    for label, cell in zip(labels, row, strict=False):
        found = _CELL.match(str(cell))
        if found is None:  # a hidden key of an editable list
            yield str(cell)
            continue
        classes, content = found[1] or "", found[2]
        if "action-checkbox" in classes:
            yield f'<td role="cell" class="c-box {classes}">{content}</td>'
        elif is_title_next:
            is_title_next = False
            yield f'<td role="cell" class="c-title {classes}">{content}</td>'
        else:
            name = escape(label[:1].upper() + label[1:])
            yield f'<td role="cell" class="{classes}" data-label="{name}"><span>{content}</span></td>'


@register.simple_tag
def pages_of(cl: Any) -> dict[str, str]:
    """The range of rows on this page of an admin list in words, and the addresses of the pages before and after it.

    `cl` is Django's ChangeList. Its paginator counts up to a limit (apps.audit.admin.MOST_LISTED).
    """
    count, size, page = cl.result_count, cl.list_per_page, cl.page_num
    first = min((page - 1) * size + 1, count)
    shown = pgettext("rows of a list", "None")
    if count:
        numbers = {"first": f"{first:,}", "last": f"{min(page * size, count):,}", "count": f"{count:,}"}
        shown = gettext("%(first)s to %(last)s of %(count)s") % numbers
    is_cut = count >= getattr(cl.paginator, "most_listed", count + 1)
    return {
        "range": gettext("%(range)s or more") % {"range": shown} if is_cut else shown,
        "previous": cl.get_query_string({"p": page - 1}) if page > 1 else "",
        "next": cl.get_query_string({"p": page + 1}) if page * size < count and not cl.show_all else "",
    }
