"""Token reads and proxied calls against their references, in turns on the same server: `python -m tests.bench.calls`

The web server is one process, pinned to one core where there are several. Prints the minimum, median and maximum of the
ratios over the rounds, the server's CPU time per call (without the database's), and all of it as JSON.
"""

import argparse
import http.client
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.bench.home import say
from tests.e2e.inside import CONNECT_UPSTREAM, UPSTREAM_TOKEN, inside
from tests.processes import Product, running_product
from tests.upstream import upstream_process

WARM_UP = 30
# Each measure and what it is compared with: a view without work, and the same call to the service itself.
REFERENCES = {"token": "empty", "proxied": "direct"}
UNLIMITED = dict.fromkeys(("API_CALLS_PER_MINUTE", "API_TOKEN_CALLS_PER_MINUTE", "API_TEAM_CALLS_PER_MINUTE"), "0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200, help="of each kind in each round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="specway-bench-") as folder, upstream_process() as service:
        env = {"EGRESS_ALLOWED_HOSTS": service.removeprefix("http://"), "LOG_LEVEL": "WARNING", **UNLIMITED}
        with (
            running_product(Path(folder), database=options.database, worker=False, beat=False, env=env) as product,
            inside(product) as look,
        ):
            connection, _, key = look.run(CONNECT_UPSTREAM, origin=service, token=UPSTREAM_TOKEN)
            path = f"/api/v1/connections/{connection}"
            calls = {
                "empty": caller(product.url, "GET", "/healthz", key),
                "token": caller(product.url, "POST", f"{path}/token/", key),
                "direct": caller(service, "GET", "/api/small", key),
                "proxied": caller(product.url, "GET", f"{path}/proxy/small", key),
            }
            measured = in_turns(calls, pinned(product), options.rounds, options.calls)
    report(options, measured)


def caller(origin: str, method: str, path: str, key: str) -> Callable[[], None]:
    """Makes the call on a connection that stays open, and opens it again where the server closed it."""
    connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Length": "0"}

    def call() -> None:
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
        except (http.client.HTTPException, OSError):
            connection.close()
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered with {answer.status}.")

    return call


def pinned(product: Product) -> list[psutil.Process]:
    """The web server's processes, all on the first core that may be used."""
    shell = psutil.Process(product.processes["web0"].pid)
    processes = [shell, *shell.children(recursive=True)]
    for process in processes:
        process.cpu_affinity([min(os.sched_getaffinity(0))])
    return processes


def in_turns(
    calls: dict[str, Callable[[], None]], server: list[psutil.Process], rounds: int, count: int
) -> dict[str, dict[str, list[float]]]:
    """By name: the median time of each round, and the server's CPU time per call (both in milliseconds)."""
    measured: dict[str, dict[str, list[float]]] = {name: {"time": [], "cpu": []} for name in calls}
    for call in calls.values():
        for _ in range(WARM_UP):
            call()
    for _ in range(rounds):
        for name, call in calls.items():
            before, times = cpu_seconds(server), []
            for _ in range(count):
                started = time.perf_counter()
                call()
                times.append(time.perf_counter() - started)
            measured[name]["time"].append(1000 * statistics.median(times))
            measured[name]["cpu"].append(1000 * (cpu_seconds(server) - before) / count)
    return measured


def cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def report(options: argparse.Namespace, measured: dict[str, dict[str, list[float]]]) -> None:
    result: dict[str, Any] = {"database": options.database, "rounds": options.rounds, "calls": options.calls}
    for name, reference in REFERENCES.items():
        pairs = zip(measured[name]["time"], measured[reference]["time"], strict=True)
        result[f"{name} ÷ {reference}, time"] = spread([one / other for one, other in pairs])
    for name in ("empty", "token", "proxied"):
        result[f"{name}, CPU ms"] = spread(measured[name]["cpu"])
    for name, value in result.items():
        shown = (
            "  ".join(f"{kind} {number:.2f}" for kind, number in value.items()) if isinstance(value, dict) else value
        )
        say(f"{name:26} {shown}")
    say(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
