"""Runs the sandbox for tests: its own process, port, database and client."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import requests

from tests import forked
from tests.forked import Started
from tests.prepared import BUSY, copy_sandbox


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox. `url` has no trailing slash; `journal()` returns the entries, oldest first."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    process: Started = field(repr=False)

    def journal(self) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = requests.get(f"{self.url}/journal.json", timeout=30 * BUSY).json()
        return lines

    def refreshes(self) -> list[dict[str, Any]]:
        return [line for line in self.journal() if line["grant_type"] == "refresh_token"]


@contextmanager
def running_sandbox(
    tmp_path: Path, *, redirect_uris: Sequence[str], access_token_seconds: int = 60
) -> Iterator[Sandbox]:
    """A sandbox on a free port with one registered client. Its process is stopped at the end of the block."""
    var = tmp_path / "sandbox"
    client = copy_sandbox(var, redirect_uris=list(redirect_uris))  # makes tmp_path, too, if need be
    seconds = {"SANDBOX_ACCESS_TOKEN_SECONDS": str(access_token_seconds)}
    with serving(var, log=tmp_path / "sandbox.log", environment=seconds) as (url, process):
        yield Sandbox(url=url, process=process, **client)


@contextmanager
def serving(
    var: Path, *, log: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[tuple[str, Started]]:
    """Serve the data in the folder `var` on a free port. Yields the URL and the process."""
    with log.open("w") as errors:
        process: Started = forked.start(
            [sys.executable, "-m", "apps.sandbox", "serve", "--port", "0"],
            env=environment_for(var) | dict(environment),
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        try:
            yield _url_of(process, log), process
        finally:
            _stop(process)


def run(*arguments: str, var: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m apps.sandbox ...`. Raises RuntimeError with its output if it fails."""
    command = [sys.executable, "-m", "apps.sandbox", *arguments]
    done = forked.run(command, env=environment_for(var), timeout=120 * BUSY)
    if done.returncode:
        raise RuntimeError(f"apps.sandbox {arguments[0]} failed: {done.stderr}")
    return done


def environment_for(var: Path) -> dict[str, str]:
    """This process's environment, with no other sandbox settings than the folder."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SANDBOX_")}
    return kept | {"SANDBOX_VAR_DIR": str(var)}


def _url_of(process: Started, log: Path) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()  # written when the port is open; empty if the process ended
    if "ready at" not in line:
        raise RuntimeError(f"The sandbox did not start: {log.read_text()}")
    return line.split()[-1].rstrip("/")


def _stop(process: Started) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
