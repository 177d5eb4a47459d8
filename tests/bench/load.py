"""Requests a second under load, each in turns with its reference: `python -m tests.bench.load`

Token reads and proxied calls against a view without work, on PostgreSQL. The web server is one process on one core, and
wrk (Debian's package) makes the load on another. Prints minimum, median and maximum of the ratios over the rounds, how
the 99th percentile of the waiting times compares with the 50th, the server's memory, and all of it as JSON.

With `--beside`, the same calls are made at another web server, in the same turns:

    --beside 'USE_DATABASE_POOL=true exec granian --interface wsgi --port $PORT --blocking-threads 64 config.wsgi'
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.bench.calls import UNLIMITED, pinned
from tests.bench.home import say
from tests.bench.start import wait_for
from tests.e2e.inside import CONNECT_UPSTREAM, UPSTREAM_TOKEN, inside
from tests.processes import Product, free_port, running_product
from tests.upstream import upstream_process

UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
# wrk's script, which reads the key from the environment, so that it is in no argument.
SCRIPT = """
wrk.method = "{method}"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY")
wrk.headers["Content-Length"] = "0"
"""


@dataclass(frozen=True)
class Load:
    """One run of wrk: requests a second, and percentiles of the waiting time in milliseconds."""

    rate: float
    p50: float
    p99: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each call in each round")
    parser.add_argument("--reads", type=int, default=0, help="token reads after which memory is measured once more")
    parser.add_argument("--beside", default="", help="the command line of another web server, which listens at $PORT")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        say("wrk makes the load. Install it: apt-get install wrk")
        return 2
    with tempfile.TemporaryDirectory(prefix="specway-bench-") as folder, upstream_process() as service:
        env = {"EGRESS_ALLOWED_HOSTS": service.removeprefix("http://"), "LOG_LEVEL": "WARNING", **UNLIMITED}
        with (
            running_product(
                Path(folder), forks=False, database="postgresql", worker=False, beat=False, env=env
            ) as product,
            inside(product) as look,
        ):
            connection, _, key = look.run(CONNECT_UPSTREAM, origin=service, token=UPSTREAM_TOKEN)
            server = pinned(product)
            calls = calls_at(product.url, connection)
            if options.beside:
                other = started_beside(product, options.beside)
                calls |= {f"{name}, beside": call for name, call in calls_at(other, connection).items()}
            runs = in_turns(Path(folder), calls, key, options)
            memory = {"MB after the rounds": megabytes(server)}
            if options.reads:
                seconds = round(options.reads / statistics.median(run.rate for run in runs["token"]))
                loaded(Path(folder), *calls["token"], key, options.connections, seconds)
                memory[f"MB after about {options.reads} more token reads"] = megabytes(server)
    report(options, runs, memory)
    return 0


def calls_at(origin: str, connection: str) -> dict[str, tuple[str, str]]:
    """Method and URL of each call."""
    path = f"{origin}/api/v1/connections/{connection}"
    return {
        "empty": ("GET", f"{origin}/healthz"),
        "token": ("POST", f"{path}/token/"),
        "proxied": ("GET", f"{path}/proxy/small"),
    }


def started_beside(product: Product, line: str) -> str:
    """The address of another web server with the product's environment, on the same core."""
    port = free_port()
    product.start("beside", f"exec taskset -c {min(os.sched_getaffinity(0))} sh -c '{line}'", PORT=str(port))
    wait_for(lambda: requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok)
    return f"http://127.0.0.1:{port}"


def in_turns(
    folder: Path, calls: dict[str, tuple[str, str]], key: str, options: argparse.Namespace
) -> dict[str, list[Load]]:
    for method, url in calls.values():
        loaded(folder, method, url, key, options.connections, 1)
    runs: dict[str, list[Load]] = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, (method, url) in calls.items():
            runs[name].append(loaded(folder, method, url, key, options.connections, options.seconds))
    return runs


def loaded(folder: Path, method: str, url: str, key: str, connections: int, seconds: int) -> Load:
    """One run of wrk. Raises RuntimeError if a request did not succeed."""
    script = folder / f"{method}.lua"
    script.write_text(SCRIPT.format(method=method))
    core = max(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    done = subprocess.run(
        [*command, "-s", str(script), url],
        env={"PATH": os.environ["PATH"], "BENCH_KEY": key},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "Non-2xx" in done or "Socket errors" in done:
        raise RuntimeError(done)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done)
    waits = {
        name: float(value) * UNITS[unit] for name, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", done)
    }
    if rate is None or len(waits) != 2:
        raise RuntimeError(done)
    return Load(float(rate[1]), waits["50"], waits["99"])


def megabytes(processes: list[psutil.Process]) -> float:
    """The memory of the largest process: the one that answers."""
    return round(max(process.memory_info().rss for process in processes) / 1_000_000, 1)


def report(options: argparse.Namespace, runs: dict[str, list[Load]], memory: dict[str, float]) -> None:
    result: dict[str, Any] = {"connections": options.connections, "rounds": options.rounds, **memory}
    for name, loads in runs.items():
        result[f"{name}, requests a second"] = spread([load.rate for load in loads])
        result[f"{name}, p99 ÷ p50"] = spread([load.p99 / load.p50 for load in loads])
    pairs = [(name, "empty") for name in ("token", "proxied")]
    pairs += [(name, name.removesuffix(", beside")) for name in runs if name.endswith(", beside")]
    for name, reference in pairs:
        rates = [one.rate / other.rate for one, other in zip(runs[name], runs[reference], strict=True)]
        result[f"{name} ÷ {reference}, requests a second"] = spread(rates)
    for name, value in result.items():
        shown = "  ".join(f"{kind} {one}" for kind, one in value.items()) if isinstance(value, dict) else value
        say(f"{name:44} {shown}")
    say(json.dumps(result, ensure_ascii=False))


def spread(values: list[float]) -> dict[str, float]:
    return {"min": round(min(values), 2), "median": round(statistics.median(values), 2), "max": round(max(values), 2)}


if __name__ == "__main__":
    sys.exit(main())
