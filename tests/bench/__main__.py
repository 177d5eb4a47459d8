"""All measurements, one after the other: `python -m tests.bench`, or some by name: `python -m tests.bench start load`

Takes about an hour on a quiet machine. With `--write`, docs/performance.md gets what they print, with the date,
the machine and the commands, and how many web processes some loads need. Exit code 1: a measurement misses its goal.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from tests.bench.home import say
from tests.prepared import REPOSITORY
from tests.services import POSTGRESQL

PAGE = REPOSITORY / "docs" / "performance.md"
HEADING = "## Measured"
# The measurements of this command with their options.
PARTS = {
    "start": [],
    "calls": [],
    "load": ["--reads", "100000"],
    "long_calls": [],
    "storm": [],
    "claims": [],
    "million": [],
    "lists": ["--connections", "200000", "--events", "2000000"],
}
# Token reads a second for which the page says how many web processes they need.
LOADS = (50, 200, 1_000)


@dataclass(frozen=True)
class Result:
    command: str
    printed: str
    succeeded: bool


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS.keys():
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    before, results = machine(), []
    for part in options.parts or PARTS:
        results.append(measured(part, PARTS[part]))
    if options.write:
        head = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
        PAGE.write_text(head + section(before, results), encoding="utf-8")
    return 0 if all(result.succeeded for result in results) else 1


def measured(part: str, arguments: list[str]) -> Result:
    """What the measurement printed, line by line also here."""
    command = " ".join(["python", "-m", f"tests.bench.{part}", *arguments])
    say(f"\n--- {command}")
    process = subprocess.Popen(
        [sys.executable, "-m", f"tests.bench.{part}", *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        say(line.rstrip())
        lines.append(line)
    return Result(command, "".join(lines), process.wait() == 0)


def machine() -> str:
    """Date, processor, versions and load, in one line."""
    names = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    processor = f"{len(os.sched_getaffinity(0))} cores of {names[0] if names else 'an unknown processor'}"
    with psycopg.connect(POSTGRESQL) as connection:
        postgresql = connection.info.server_version // 10_000
    versions = f"Python {platform.python_version()}, PostgreSQL {postgresql}"
    return f"{datetime.now(UTC):%d %B %Y}, {processor}, {versions}, load before {os.getloadavg()[0]:.1f}"


def section(before: str, results: list[Result]) -> str:
    """The page's last section. Lines of JSON are for programs and left out."""
    parts = [f"{HEADING}\n\n{before}.\n"]
    for result in results:
        lines = [line for line in result.printed.splitlines() if not line.startswith("{")]
        parts.append("\n".join(["```text", f"$ {result.command}", *lines, "```"]) + "\n")
    return "\n".join(parts + sizing(results))


def sizing(results: list[Result]) -> list[str]:
    """How many web processes some loads need, by the median of token reads a second, at half of that for each."""
    printed = "\n".join(result.printed for result in results if "tests.bench.load" in result.command)
    found = next((json.loads(line) for line in printed.splitlines() if line.startswith("{")), None)
    if found is None:
        return []
    token = found["token, requests a second"]["median"]
    proxied = found["proxied, requests a second"]["median"]
    rows = [f"| {load:,} | {-(-2 * load // token):.0f} | {-(-2 * load // proxied):.0f} |" for load in LOADS]
    head = ["| calls a second | web processes for token reads | web processes for proxied calls |", "|---|---|---|"]
    text = (
        "Web processes (`WEB_CONCURRENCY`) for a load, on cores of that kind, each used for half of what it can do, "
        "and not counting PostgreSQL's own:"
    )
    return [text + "\n", "\n".join(head + rows) + "\n"]


if __name__ == "__main__":
    sys.exit(main())
