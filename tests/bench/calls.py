"""Token reads and proxied calls against their references, in turns on the same server: `python -m tests.bench.calls`

The web server is one process, pinned to one core where there are several. Prints the minimum, median and maximum of the
rounds: milliseconds of one call after the other, and the server's CPU time per call (without the database's). Then the
statements of a call, and all of it as JSON. For requests a second see `tests.bench.load`.
"""

import argparse
import http.client
import json
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench.home import say
from tests.bench.statements import statements
from tests.e2e.inside import CONNECT_UPSTREAM, UPSTREAM_TOKEN, inside
from tests.processes import Product, running_product
from tests.upstream import upstream_process

WARM_UP = 30
# Each measure and what it is compared with: a view without work, and the same call to the service itself.
REFERENCES = {"token": "empty", "proxied": "direct", "redacted": "direct"}
UNLIMITED = dict.fromkeys(("API_CALLS_PER_MINUTE", "API_TOKEN_CALLS_PER_MINUTE", "API_TEAM_CALLS_PER_MINUTE"), "0")
Measured = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Target:
    """A call. `is_ours`: the web server answers it."""

    origin: str
    method: str
    path: str
    key: str
    is_ours: bool = True


class Caller:
    """Makes the call on a connection that stays open, and opens it again where the server closed it."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection = http.client.HTTPConnection(target.origin.removeprefix("http://"), timeout=60)

    def __call__(self) -> None:
        try:
            answer = self._answer()
        except (http.client.HTTPException, OSError):
            self._connection.close()
            answer = self._answer()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self._target.path} answered with {answer.status}.")

    def _answer(self) -> http.client.HTTPResponse:
        headers = {"Authorization": f"Bearer {self._target.key}", "Content-Length": "0"}
        self._connection.request(self._target.method, self._target.path, headers=headers)
        return self._connection.getresponse()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200, help="of each kind in each round, one after the other")
    options = parser.parse_args()
    result: dict[str, Any] = vars(options) | {"load": os.getloadavg()[0]}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="specway-bench-")))
        service = stack.enter_context(upstream_process())
        env = {"EGRESS_ALLOWED_HOSTS": service.removeprefix("http://"), "LOG_LEVEL": "WARNING", **UNLIMITED}
        product = stack.enter_context(
            running_product(folder, forks=False, database=options.database, worker=False, beat=False, env=env)
        )
        targets = targets_at(product, service)
        measured = in_turns(targets, pinned(product), options)
        if options.database == "postgresql":
            result["statements"] = statements_of(product, targets)
    report(result, measured)


def targets_at(product: Product, service: str) -> dict[str, Target]:
    with inside(product) as look:
        connection, key, full_key = look.run(CONNECT_UPSTREAM, origin=service, token=UPSTREAM_TOKEN)
    path = f"/api/v1/connections/{connection}"
    return {
        "empty": Target(product.url, "GET", "/healthz", full_key),
        "token": Target(product.url, "POST", f"{path}/token/", full_key),
        "direct": Target(service, "GET", "/api/small", full_key, is_ours=False),
        "proxied": Target(product.url, "GET", f"{path}/proxy/small", full_key),
        "redacted": Target(product.url, "GET", f"{path}/proxy/small", key),
    }


def pinned(product: Product) -> list[psutil.Process]:
    """The web server's processes, all on the first core that may be used."""
    shell = psutil.Process(product.processes["web0"].pid)
    processes = [shell, *shell.children(recursive=True)]
    for process in processes:
        process.cpu_affinity([min(os.sched_getaffinity(0))])
    return processes


def in_turns(targets: dict[str, Target], server: list[psutil.Process], options: argparse.Namespace) -> Measured:
    """By name and measure, the value of each round."""
    callers = {name: Caller(target) for name, target in targets.items()}
    measured: Measured = {name: {} for name in targets}
    for caller in callers.values():
        for _ in range(WARM_UP):
            caller()
    for _ in range(options.rounds):
        for name, target in targets.items():
            values = one_by_one(callers[name], server, options.calls)
            if not target.is_ours:
                del values["CPU ms"]
            for measure, value in values.items():
                measured[name].setdefault(measure, []).append(value)
    return measured


def one_by_one(caller: Caller, server: list[psutil.Process], count: int) -> dict[str, float]:
    before, times = cpu_seconds(server), []
    for _ in range(count):
        started = time.perf_counter()
        caller()
        times.append(time.perf_counter() - started)
    return {"ms": 1000 * statistics.median(times), "CPU ms": 1000 * (cpu_seconds(server) - before) / count}


def cpu_seconds(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def statements_of(product: Product, targets: dict[str, Target]) -> dict[str, list[int]]:
    """Before the request to the service and after it: of a call that was made before, and of one that was not."""
    product.env["USE_DATABASE_POOL"] = "true"
    with inside(product) as look:
        counted = {
            name: statements(look, targets[name].method, targets[name].path, targets[name].key)
            for name in ("token", "proxied")
        }
        proxied = targets["proxied"]
        first = statements(look, proxied.method, proxied.path, proxied.key, ordinary=True)
    return counted | {"proxied, not made before": first}


def report(result: dict[str, Any], measured: Measured) -> None:
    spreads = {name: {measure: spread(values) for measure, values in each.items()} for name, each in measured.items()}
    for name, reference in REFERENCES.items():
        pairs = list(zip(measured[name]["ms"], measured[reference]["ms"], strict=True))
        spreads[name][f"ms ÷ {reference}"] = spread([one / other for one, other in pairs])
        spreads[name][f"ms more than {reference}"] = spread([one - other for one, other in pairs])
    for name, each in spreads.items():
        for measure, numbers in each.items():
            say(f"{name:10} {measure:22} " + "  ".join(f"{kind} {value:.2f}" for kind, value in numbers.items()))
    for name, (before, after) in result.get("statements", {}).items():
        say(f"{name}: {before} statements before the call, {after} after it")
    say(json.dumps(result | {"measured": spreads}, ensure_ascii=False))


def spread(values: list[float]) -> dict[str, float]:
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


if __name__ == "__main__":
    main()
