"""Many processes that ask for the same token each time it has expired."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests import forked
from tests.faults.processes import Crew
from tests.forked import Started


@dataclass
class Readers:
    """Processes that each read the token once a round, all at the same time."""

    processes: list[Started] = field(default_factory=list)

    @classmethod
    def start(cls, crew: Crew, count: int, *, connection: str, owner: str) -> "Readers":
        command = [sys.executable, "-m", "tests.faults.child", "read-rounds", connection, owner]
        log = crew.folder / "readers.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("w") as stderr:
            readers = cls(
                [
                    forked.start(command, env=crew.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
                    for _ in range(count)
                ]
            )
        readers._hear()
        return readers

    def read(self) -> list[dict[str, Any]]:
        """What each got, after all asked at once."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return self._hear()

    def _hear(self) -> list[dict[str, Any]]:
        with ThreadPoolExecutor(len(self.processes)) as pool:
            return list(pool.map(_line, self.processes))

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


def _line(process: Started) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"a reader ended with {process.wait()}"
    said: dict[str, Any] = json.loads(line)
    return said


def expire_and_read(
    readers: Readers, *, expiries: int, expire: Callable[[], None], knows: Callable[[str], bool]
) -> list[str]:
    """After each expiry all read. What was wrong: everybody must get the one new token."""
    wrong: list[str] = []
    for number in range(expiries):
        expire()
        given = readers.read()
        tokens = {result.get("token", "") for result in given}
        if len(tokens) != 1 or not knows(tokens.pop()):
            errors = [result.get("error") for result in given]
            wrong.append(f"expiry {number}: versions {[r.get('version') for r in given]}, errors {errors}")
    return wrong
