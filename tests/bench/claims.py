"""How long claiming a batch takes in a large table: `python -m tests.bench.claims`

500 connections are due, among 10,000 and among a million, on PostgreSQL. The ratio must not be above 2.
"""

import argparse
import statistics
import sys
import time
from typing import Any

from tests.bench.home import bench_home, say

DUE = 500
AT_MOST = 2.0
# Copies of one connection and its token set, none of them due. (The keys that tie rows together are not checked.)
COPIES = """
SET session_replication_role = replica;
CREATE TEMPORARY TABLE copies AS SELECT gen_random_uuid() AS connection, gen_random_uuid() AS token_set
    FROM generate_series(1, {count});
INSERT INTO connections_connection ({connection_columns})
    SELECT {connection_values} FROM copies, connections_connection original WHERE original.id = '{connection}';
INSERT INTO connections_tokenset ({token_set_columns})
    SELECT {token_set_values} FROM copies, connections_tokenset original WHERE original.id = '{token_set}';
DROP TABLE copies;
SET session_replication_role = origin;
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    options = parser.parse_args()
    with bench_home("postgresql", allowed_host="127.0.0.1:1"):
        from tests.bench.rows import make_due_connections

        calm, _ = make_due_connections("http://127.0.0.1:1", DUE)
        few = grow_and_measure(calm.token_set, options.few)
        many = grow_and_measure(calm.token_set, options.many)
    ratio = many / few
    say(f"a batch of {DUE} due: {1000 * few:.1f} ms among {options.few:,}, {1000 * many:.1f} ms among {options.many:,}")
    say(f"ratio {ratio:.2f} (at most {AT_MOST})")
    return 0 if ratio <= AT_MOST else 1


def grow_and_measure(original: Any, connections: int) -> float:
    """Seconds that a claim takes with so many connections; the median of 15."""
    from django.db import connection as database

    from apps.connections.models import Connection, TokenSet
    from apps.connections.services import schedule

    with database.cursor() as cursor:
        cursor.execute(copies_of(original, connections - Connection.objects.count()))
        cursor.execute("VACUUM ANALYZE connections_connection")
        cursor.execute("VACUUM ANALYZE connections_tokenset")
    times = []
    for _ in range(15):
        began = time.monotonic()
        assert len(schedule.claim_due()) > 0
        times.append(time.monotonic() - began)
        TokenSet.objects.filter(dispatched_until__isnull=False).update(dispatched_until=None)
    return statistics.median(times)


def copies_of(original: Any, count: int) -> str:
    from apps.connections.models import Connection, TokenSet

    kept = [field.column for field in Connection._meta.concrete_fields if field.column != "id"]
    own = ("id", "connection_id")
    # data_key_kid is computed by the database where it is a generated column.
    kept_of_set = [f.column for f in TokenSet._meta.concrete_fields if f.column not in own and not f.generated]
    return COPIES.format(
        count=count,
        connection=original.connection_id,
        token_set=original.pk,
        connection_columns=", ".join(["id", *kept]),
        connection_values=", ".join(["copies.connection", *(f"original.{name}" for name in kept)]),
        token_set_columns=", ".join([*own, *kept_of_set]),
        token_set_values=", ".join(["token_set", "connection", *(f"original.{name}" for name in kept_of_set)]),
    )


if __name__ == "__main__":
    sys.exit(main())
