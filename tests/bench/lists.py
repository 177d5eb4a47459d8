"""What each page, API list and admin list costs in a large database: `python -m tests.bench.lists [--json FILE]`

Fills a PostgreSQL database of its own (`tests.bench.volume`), or takes the one that DATABASE_URL names with --present.
Each address is requested once, and then --rounds times; the least of each figure counts, since other programs only add
to it. Prints milliseconds of SQL (as the driver sees it, with the database on the same machine), milliseconds of this
process's CPU time, the number of queries, and kilobytes of the response; and what exceeds the limits.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.bench.home import bench_home, say

MOST_SQL_MS, MOST_CPU_MS, MOST_KB = 100, 60, 200


@dataclass
class Measure:
    """The cost of one address for `who`; `slowest` is the SQL of the slowest query."""

    who: str
    address: str
    status: int = 0
    sql_ms: float = 0.0
    cpu_ms: float = 0.0
    queries: int = 0
    kilobytes: float = 0.0
    slowest: str = field(default="", repr=False)
    slowest_ms: float = 0.0

    @property
    def is_over(self) -> bool:
        over = (self.sql_ms > MOST_SQL_MS, self.cpu_ms > MOST_CPU_MS, self.kilobytes > MOST_KB)
        return self.status != 200 or any(over)

    def __str__(self) -> str:
        figures = f"{self.sql_ms:8.1f} {self.cpu_ms:7.1f} {self.queries:4} {self.kilobytes:7.1f}"
        return f"{'!' if self.is_over else ' '} {figures}  {self.status}  {self.who:9} {self.address}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--present", action="store_true", help="measure in the database that DATABASE_URL names")
    parser.add_argument("--only", default="", help="addresses that contain this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sql", action="store_true", help="with the slowest query of each address over the limits")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.present:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        import django

        django.setup()
        found = _measured(options)
    else:
        with bench_home("postgresql", allowed_host="127.0.0.1:1"):
            from tests.bench.volume import fill

            fill(connections=options.connections, events=options.events)
            found = _measured(options)
    over = [one for one in found if one.is_over]
    say(f"{len(found)} addresses, {len(over)} over {MOST_SQL_MS} ms of SQL, {MOST_CPU_MS} ms of CPU or {MOST_KB} kB")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1))
    return 1 if over else 0


def _measured(options: argparse.Namespace) -> list[Measure]:
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    settings.API_RATES = dict.fromkeys(settings.API_RATES, 0)
    _count_events()
    say("   SQL ms  CPU ms    n      kB  status")
    found = []
    for who, get, addresses in _visitors():
        for address in addresses:
            if options.only in address:
                found.append(measure(who, get, address, rounds=options.rounds))
                say(str(found[-1]))
                if options.sql and found[-1].is_over:
                    say(f"    {found[-1].slowest_ms:.0f} ms: {found[-1].slowest[:1500]}")
    return found


def _count_events() -> None:
    """Count the audit log's events for the charts, as the scheduler does each minute."""
    from apps.connections.services.queue_history import HOUR, KEPT, MOST_HOURS, count_events

    for _ in range(KEPT // HOUR // MOST_HOURS + 1):
        count_events()


def measure(who: str, get: Callable[[str], Any], address: str, *, rounds: int) -> Measure:
    """Request the address, and again with everything that is cached per process in place."""
    get(address)
    found = [_measured_once(who, get, address) for _ in range(rounds)]
    result = min(found, key=lambda one: one.sql_ms)
    result.cpu_ms = min(one.cpu_ms for one in found)
    return result


def _measured_once(who: str, get: Callable[[str], Any], address: str) -> Measure:
    result = Measure(who, address)
    with timed_queries(result):
        began = time.process_time()
        response = get(address)
        result.cpu_ms = (time.process_time() - began) * 1000
    result.status, result.kilobytes = response.status_code, len(response.content) / 1000
    return result


@contextmanager
def timed_queries(result: Measure) -> Iterator[None]:
    """Adds the queries of this thread to `result`."""
    from django.db import connection

    def timed(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = (time.perf_counter() - began) * 1000
            result.queries += 1
            result.sql_ms += took
            if took > result.slowest_ms:
                result.slowest, result.slowest_ms = str(sql), took

    with connection.execute_wrapper(timed):
        yield


def _visitors() -> Iterator[tuple[str, Callable[[str], Any], list[str]]]:
    """Who requests what: the owner of the large team, a member, a service key, and an operator."""
    from django.test import Client

    from apps.teams.models import ApiKey, Membership, Role
    from tests.factories import make_key

    largest = Membership.objects.select_related("user", "team").order_by("pk")
    owner, member = largest.get(pk=largest[0].pk), largest.filter(role=Role.MEMBER, team=largest[0].team)[0]
    owner.user.is_staff = owner.user.is_superuser = True
    owner.user.save()
    _, key = make_key(owner, ApiKey.Kind.SERVICE, name="bench")
    browsers = {name: _browser(one) for name, one in (("owner", owner), ("member", member))}
    api = Client(headers={"Authorization": f"Bearer {key}"})
    yield "anonymous", Client().get, ["/healthz", "/readyz"]
    yield "owner", browsers["owner"].get, [*_pages(owner), *_offboarding(owner)]
    yield "member", browsers["member"].get, _pages(member)
    yield "key", api.get, _api_lists(owner)
    yield "operator", browsers["owner"].get, _admin(owner)


def _browser(member: Any) -> Any:
    """A test client with a session of the product's own kind, whose cookie is not its key."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.test import Client

    from apps.teams.middleware import SESSION_TEAM
    from apps.teams.sessions import SessionStore

    session = SessionStore()
    session.create()
    session[SESSION_KEY], session[SESSION_TEAM] = str(member.user_id), str(member.team_id)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = member.user.get_session_auth_hash()
    session.save()
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.secret
    return client


def _pages(member: Any) -> list[str]:
    from apps.connections.models import Connection
    from apps.teams.models import Role

    own = Connection.objects.filter(owner=member.user, team=member.team)
    connection = own.filter(integration__kind="oauth2")[0]
    lists = ["", "?status=needs_attention", "?search=Finance 77", "?search=nothing-matches", "?page=150"]
    lists += ["?sort=-used&group=none", "?sort=owner&group=owner", "?group=status", "?owner=me", "?sharing=shared"]
    lists += [f"?service={connection.integration.slug}"]
    maintained = ["/settings/webhooks/"] if member.role in (Role.OWNER, Role.ADMIN) else []
    return [
        *(f"/settings/integrations/{query}" for query in lists),
        *(f"/settings/credentials/{query}" for query in ("", "?kind=api_key", "?used=never", "?search=77")),
        *("/plugins/", "/plugins/?search=mail", f"/plugins/{connection.integration.slug}/", "/try/"),
        f"/try/?integration={connection.integration.slug}",
        *("/settings/team/", "/settings/api-keys/", "/custom-apis/", *maintained),
        *(f"/connections/{connection.pk}/{tab}" for tab in ("", "permissions/", "sharing/", "activity/", "hand-over/")),
        *(f"/settings/audit-log/{query}" for query in _audit_queries(member, connection)),
    ]


def _audit_queries(member: Any, connection: Any) -> list[str]:
    from django.utils import timezone

    today = timezone.now().date()
    unknown = "00000000-0000-4000-8000-000000000000"
    days = {name: (today - timedelta(days=number)).isoformat() for name, number in (("long", 58), ("mid", 30))}
    return [
        "",
        "?action=member.joined",
        "?action=connection.used",
        "?action=connection.used&outcome=failure",
        "?outcome=failure",
        f"?actor={unknown}",
        f"?actor={member.user_id}",
        f"?connection={connection.pk}",
        f"?integration={connection.integration.slug}",
        f"?integration={connection.integration.slug}&outcome=failure",
        f"?until={days['long']}",
        f"?since={days['mid']}&until={days['mid']}",
        f"?since={today.isoformat()}",
        f"?since={days['mid']}&action=member.joined",
    ]


def _api_lists(member: Any) -> list[str]:
    from apps.connections.models import Connection

    connection = Connection.objects.filter(owner=member.user, team=member.team, shares__level="manage")[0]
    queries = ["", "?page_size=200", "?scopes=profile", "?scopes=none-has-this", "?search=77", "?ordering=name"]
    queries += ["?status=needs_attention", f"?integration={connection.integration.slug}", "?include=total"]
    return [
        *(f"/api/v1/connections/{query}" for query in queries),
        *(f"/api/v1/audit-events/{query.replace('since=', 'x=')}" for query in ("", "?action=member.joined")),
        *("/api/v1/integrations/", "/api/v1/me/", "/api/v1/api-keys/"),
        f"/api/v1/connections/{connection.pk}/usage/",
    ]


def _offboarding(owner: Any) -> list[str]:
    from apps.teams.models import Membership

    other = Membership.objects.filter(team=owner.team).exclude(user=owner.user)[0]
    return [f"/settings/team/members/{other.pk}/remove/"]


def _admin(owner: Any) -> list[str]:
    connections, events = "/admin/connections/connection/", "/admin/audit/auditevent/"
    return [
        *("/admin/", "/admin/health/"),
        *(f"{connections}{query}" for query in ("", "?q=Finance", "?q=nothing-matches", "?p=200")),
        *(f"{connections}{query}" for query in ("?state=needs_attention", f"?q={owner.user.email}")),
        *(f"{events}{query}" for query in ("", "?action=member.joined", "?outcome=failure", "?q=Finance 77")),
        f"{events}?q={owner.team_id}",
        *("/admin/connections/authorizationattempt/", "/admin/integrations/oauthapp/"),
        *("/admin/integrations/integration/", "/admin/teams/user/", "/admin/teams/user/?q=member-5"),
        *("/admin/teams/team/", "/admin/teams/apikey/", "/admin/teams/invitation/"),
    ]


if __name__ == "__main__":
    sys.exit(main())
