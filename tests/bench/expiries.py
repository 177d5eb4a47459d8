"""Many processes at each of many expiries, strict rotation. `python -m tests.bench.expiries --processes 16 ...`

Right is: as many token calls as expiries, everybody gets the new token, no token family is revoked.
"""

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from tests.authserver import AuthServer, auth_server
from tests.bench.home import bench_home, say


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--expiries", type=int, default=200)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    options = parser.parse_args()
    with ExitStack() as stack:
        server = stack.enter_context(auth_server())
        folder = stack.enter_context(bench_home(options.database, allowed_host=urlsplit(server.url).netloc))
        return measure(options, server, folder)


def measure(options: argparse.Namespace, server: AuthServer, folder: Path) -> int:
    from tests.bench.rows import expire, make_connected
    from tests.faults.expiries import Readers, expire_and_read
    from tests.faults.processes import crew_of_this_process

    connection, owner = make_connected(server)
    readers = Readers.start(
        crew_of_this_process(folder), options.processes, connection=str(connection.pk), owner=str(owner.pk)
    )
    started = time.monotonic()
    try:
        wrong = expire_and_read(
            readers, expiries=options.expiries, expire=lambda: expire(connection), knows=server.knows
        )
    finally:
        readers.end()
    return judge(options, server, wrong, time.monotonic() - started)


def judge(options: argparse.Namespace, server: AuthServer, wrong: list[str], seconds: float) -> int:
    calls = len(server.journal.refreshes)
    revoked = sum(family.revoked for family in server.grants.families)
    for sentence in wrong[:10]:
        say(sentence)
    say(
        f"{options.processes} processes, {options.expiries} expiries on {options.database}: {calls} token calls, "
        f"{revoked} families revoked, {len(wrong)} expiries with a wrong answer, {seconds:.0f} s"
    )
    server.journal.check()
    return 0 if calls == options.expiries and not revoked and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
