"""What lists cost does not depend on how many rows there are: the same queries, and on PostgreSQL an index for each."""

import re
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.teams.models import ApiKey, Membership
from tests.factories import client_for, make_key, make_user

pytestmark = pytest.mark.django_db

PAGES = [
    "/settings/integrations/",
    "/settings/integrations/?search=Finance",
    "/settings/credentials/?kind=api_key",
    "/settings/credentials/?search=Finance",
    "/plugins/",
    "/try/",
    "/settings/audit-log/",
    "/settings/audit-log/?outcome=failure&period=week",
    "/settings/audit-log/?search=Finance&refreshes=hide",
    "/admin/connections/connection/?q=Finance",
    "/admin/audit/auditevent/?q=Finance",
]
LISTS = ["/api/v1/connections/", "/api/v1/connections/?scopes=profile", "/api/v1/audit-events/?action=member.joined"]
LISTS += ["/api/v1/connections/?ordering=name"]
# The tables that are large where there are many teams.
LARGE = ("connections_connection", "connections_connectionshare", "connections_tokenset", "connections_workflowuse")
LARGE = (*LARGE, "connections_credential", "audit_auditevent")


def visitor(connections: int) -> tuple[Client, Client]:
    """A browser of the owner, who is an operator, of a team with that many connections; and a program with a key."""
    owner = make_user("Olivia Brandt")
    owner.is_staff = owner.is_superuser = True
    owner.save()
    call_command("demo_data", connections=connections, events=connections, owner=owner.email)
    membership = Membership.objects.get(user=owner)
    _, key = make_key(membership, ApiKey.Kind.SERVICE)
    return client_for(membership), Client(headers={"Authorization": f"Bearer {key}"})


def queries_of(client: Client, address: str) -> list[str]:
    client.get(address)  # what is made once in a process
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured if query["sql"].lstrip().startswith(("SELECT", "WITH"))]


def explained(cursor: Any, sql: str) -> str:
    """The plan of a statement, which has numbered parameters where PostgreSQL keeps it."""
    values = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", sql))))
    if values:
        cursor.execute(f"PREPARE explained AS {sql}")
    cursor.execute(f"EXPLAIN EXECUTE explained({values})" if values else f"EXPLAIN {sql}")
    plan = "\n".join(line for (line,) in cursor.fetchall())
    if values:
        cursor.execute("DEALLOCATE explained")
    return plan


def test_the_number_of_queries_does_not_depend_on_the_number_of_rows() -> None:
    counts = []
    for size in (60, 120):
        browser, program = visitor(size)
        counts.append({page: len(queries_of(browser, page)) for page in PAGES})
        counts[-1] |= {address: len(queries_of(program, address)) for address in LISTS}
    assert counts[0] == counts[1]
    assert max(counts[0].values()) < 20


@pytest.mark.needs_postgresql
def test_no_list_needs_a_sequential_scan_of_a_large_table() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL explains its plans.")
    browser, program = visitor(30)
    asked = [(browser, page) for page in PAGES] + [(program, address) for address in LISTS]
    with connection.cursor() as cursor:
        # As in a large database, where reading a table from end to end costs more than any index.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        for client, address in asked:
            for sql in queries_of(client, address):
                plan = explained(cursor, sql)
                read = set(re.findall(r"Seq Scan on (\w+)", plan)) & set(LARGE)
                assert not read, f"{address}: {sql}\n{plan}"
