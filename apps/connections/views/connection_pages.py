"""A page of connections: the database filters, sorts and cuts, so that the page stays small at any number."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, Expression, F, QuerySet, Value, When, Window
from django.db.models.functions import Coalesce, Lower, NullIf
from django.utils import timezone
from django.utils.functional import Promise, cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext

from apps.connections.models import Connection, Status
from apps.connections.policy.state import state_of, verified_at
from apps.connections.views.rows import Row, row_of
from apps.teams.actor import Actor

PAGE_SIZE = 50
# From this number of connections on, a table shows them instead of boxes.
TABLE_FROM = 25
# Times such as "5 min ago" are rendered again after this many seconds, though nothing else has changed.
_STALE_AFTER = 300

_ATTENTION_FIRST = Case(When(status=Status.NEEDS_ATTENTION, then=Value(0)), default=Value(1))
_OWNER = Lower(Coalesce(NullIf("owner__name", Value("")), "owner__email"))
_KEYS: dict[str, Expression | F] = {
    "service": Lower("integration__name"),
    "account": Lower("name"),
    "owner": _OWNER,
    "used": F("last_used_at"),
}
_GROUP_KEYS: dict[str, list[Expression | F | str]] = {
    "service": [Lower("integration__name"), "integration_id"],
    "owner": [_OWNER, "owner_id"],
    "status": [],
    "none": [],
}


@dataclass(frozen=True)
class Column:
    """A column that can be sorted: the URL that sorts by it, and the `aria-sort` of its head."""

    label: str
    url: str
    direction: str


@dataclass(frozen=True)
class TableGroup:
    """Rows of the table under one title; "" for none."""

    title: str
    rows: list[Row]

    @property
    def marked(self) -> Iterator[tuple[Row, bool]]:
        """The rows, each with whether the one before it is of another service."""
        before = None
        for row in self.rows:
            yield row, row.connection.integration_id != before
            before = row.connection.integration_id

    @property
    def says_attention(self) -> bool:
        """Whether the title says already that the rows need attention."""
        return bool(self.title) and self.rows[0].needs_attention


def page_of(
    connections: QuerySet[Connection], *, sort: str, group: str, number: str, count: int | None = None
) -> Page[Connection]:
    """The page `number` of the connections, those that need attention first, then by group, then by `sort`.

    `sort` is a key of the columns, descending with "-" before it; an invalid number is page 1 or the last one. `count`
    is the number of the connections, if it is known.
    """
    key = _KEYS[sort.removeprefix("-") or "service"]
    primary = key.desc(nulls_last=True) if sort.startswith("-") else key.asc(nulls_last=True)
    order = [
        _ATTENTION_FIRST,
        *_GROUP_KEYS[group or "service"],
        primary,
        Lower("integration__name"),
        Lower("name"),
        "pk",
    ]
    wanted = max(int(number) if number.isascii() and number.isdecimal() and len(number) < 7 else 1, 1)
    keys, count = _keys_of_page(connections.order_by(*order), wanted, count)
    detailed = Connection.objects.with_row().prefetch_related("shares").in_bulk(keys)
    return _Cut([detailed[key] for key in keys if key in detailed], count=count).get_page(wanted)


class _Cut(Paginator[Connection]):
    """Rows that the database has cut already, and the number of all matches."""

    def __init__(self, rows: Sequence[Connection], *, count: int) -> None:
        super().__init__(rows, PAGE_SIZE)
        self._count = count

    @cached_property
    def count(self) -> int:
        return self._count

    def page(self, number: int | str) -> Page[Connection]:
        return Page(self.object_list, self.validate_number(number), self)


def _keys_of_page(ordered: QuerySet[Connection], number: int, count: int | None) -> tuple[list[UUID], int]:
    """The primary keys on that page, or on the last one, and the number of all matches.

    Sorting complete rows with their details takes several times as long as sorting keys. The first page is counted and
    sorted in one pass over the team's connections; a later one must be known to exist before they are sorted.
    """
    keys = ordered.values_list("pk", flat=True)
    if count is None and number == 1:
        found = list(ordered.annotate(matches=Window(Count("*"))).values_list("pk", "matches")[:PAGE_SIZE])
        return [key for key, _ in found], found[0][1] if found else 0
    if count is None:
        count = ordered.count()
    first = min(number - 1, max(count - 1, 0) // PAGE_SIZE) * PAGE_SIZE
    return list(keys[first : first + PAGE_SIZE]) if count else [], count


def rows_of(actor: Actor, page: Page[Connection]) -> list[Row]:
    """The rows of a page."""
    return [row_of(actor, connection) for connection in page.object_list]


def in_groups(rows: list[Row], group: str) -> list[TableGroup]:
    """Consecutive rows by the title of their group."""
    return [TableGroup(title, list(members)) for title, members in groupby(rows, key=lambda row: _title(row, group))]


def _title(row: Row, group: str) -> str:
    if group == "none":
        return ""
    if row.needs_attention:
        return gettext("Needs attention")
    if group == "status":
        return state_of(row.connection).label
    return str(row.connection.owner) if group == "owner" else row.connection.integration.name


def columns(sort: str, filters: Mapping[str, str], labels: Mapping[str, str | Promise]) -> list[Column]:
    """The sortable columns, by key and label. Choosing the current one turns its direction around."""
    current = sort or "service"
    found = []
    for key, label in labels.items():
        first = f"-{key}" if key == "used" else key
        turned = current.removeprefix("-") if current.startswith("-") else f"-{current}"
        is_current = current.removeprefix("-") == key
        query = urlencode({**filters, "sort": turned if is_current else first})
        direction = ("descending" if current.startswith("-") else "ascending") if is_current else ""
        found.append(Column(str(label), f"?{query}", direction))
    return found


def version_of(rows: list[Row], *counts: int) -> str:
    """Changes when the page would: polls that send it back get no content. Covers what rows display."""
    state = [
        (
            row.connection.pk,
            row.connection.name,
            row.connection.status,
            row.connection.status_reason,
            row.connection.last_used_at,
            verified_at(row.connection),
            str(row.connection.owner),
            row.sharing,
            row.schedule,
            row.schedule_at,
            row.can_manage,
            row.first_refresh,
        )
        for row in rows
    ]
    window = int(timezone.now().timestamp()) // _STALE_AFTER
    return hashlib.sha256(repr((state, counts, window)).encode()).hexdigest()[:16]
