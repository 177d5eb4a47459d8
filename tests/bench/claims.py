"""How long claiming a batch takes in a large table: `python -m tests.bench.claims`

500 connections are due, anywhere in a table of 10,000 and in one of a million, on PostgreSQL. Both are measured in
turns, after what was written to fill them is on the disk. The median ratio of the rounds must not be above 1.2.
"""

import argparse
import statistics
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from tests.bench.home import bench_home, say
from tests.services import own_postgresql_database

DUE = 500
AT_MOST = 1.2
CLAIMS_PER_ROUND = 15
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
SCATTERED = """
UPDATE connections_tokenset SET next_refresh_at = NULL WHERE next_refresh_at IS NOT NULL;
UPDATE connections_tokenset SET next_refresh_at = STATEMENT_TIMESTAMP()
    WHERE id IN (SELECT id FROM connections_tokenset ORDER BY random() LIMIT {due});
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with bench_home("postgresql", allowed_host="127.0.0.1:1"):
        from django.db import connection as database

        from tests.bench.rows import make_due_connections

        calm, _ = make_due_connections("http://127.0.0.1:1", DUE)
        small = database.settings_dict["NAME"]
        database.close()  # a database to which a program is connected cannot be copied
        with own_postgresql_database(template=small) as url:
            sizes = {small: options.few, urlsplit(url).path.removeprefix("/"): options.many}
            for name, size in sizes.items():
                grow(name, calm.token_set, size)
            rounds = [[claims_in(name) for name in sizes] for _ in range(options.rounds)]
            database.close()
    few, many = (1000 * statistics.median(times) for times in zip(*rounds, strict=True))
    ratio = statistics.median(many / few for few, many in rounds)
    say(f"a batch of {DUE} due: {few:.1f} ms among {options.few:,}, {many:.1f} ms among {options.many:,}")
    say(f"ratio {ratio:.2f} (at most {AT_MOST})")
    return 0 if ratio <= AT_MOST else 1


def use(name: str) -> None:
    from django.db import connection as database

    database.close()
    database.settings_dict["NAME"] = name


def grow(name: str, original: Any, connections: int) -> None:
    """Fill a database, with the due ones anywhere in its tables, and have it written.

    Without the checkpoint, claims would wait for the disk while PostgreSQL writes what this left in memory.
    """
    from django.db import connection as database

    from apps.connections.models import Connection

    use(name)
    with database.cursor() as cursor:
        cursor.execute(copies_of(original, connections - Connection.objects.count()))
        cursor.execute(SCATTERED.format(due=DUE))
        cursor.execute("VACUUM ANALYZE connections_connection")
        cursor.execute("VACUUM ANALYZE connections_tokenset")
        cursor.execute("CHECKPOINT")


def claims_in(name: str) -> float:
    """Seconds that a claim takes in this database: the median of some, after one that is not counted."""
    from apps.connections.models import TokenSet
    from apps.connections.services import schedule

    use(name)
    times = []
    for _ in range(1 + CLAIMS_PER_ROUND):
        began = time.monotonic()
        assert len(schedule.claim_due()) > 0
        times.append(time.monotonic() - began)
        TokenSet.objects.filter(dispatched_until__isnull=False).update(dispatched_until=None)
    return statistics.median(times[1:])


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
