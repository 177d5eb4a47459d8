"""Tries every fault and counts how they ended: `python -m tests.faults`, on SQLite and then on PostgreSQL.

Arguments are handed to pytest, such as `-n 2` or `-k full_disk`. Exits with 1 where a fault did not end as specified.
"""

import os
import subprocess
import sys

from tests.prepared import REPOSITORY
from tests.services import POSTGRESQL


def main(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.faults.count", "tests/faults", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    ended = []
    for database in ({}, {"DATABASE_URL": POSTGRESQL}):
        print("PostgreSQL" if database else "SQLite", flush=True)  # noqa: T201 - a command
        ended.append(subprocess.run(command, cwd=REPOSITORY, env=environment | database, check=False).returncode)
    return int(any(ended))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
