"""Calls in a large database against the same in a small one, in turns: `python -m tests.bench.million`

Two products on PostgreSQL, each with one web process, on the same core. One has the demo team only; the other has
--connections and --events besides (`tests.bench.volume`), and takes minutes to fill. Prints how many times as long a
token read and a proxied call take there, each with its audit event. Exit code 1: more than a tenth longer.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.bench.calls import UNLIMITED, WARM_UP, Caller, Target, one_by_one, pinned, spread, targets_at
from tests.bench.home import say
from tests.processes import REPOSITORY, Product, running_product
from tests.upstream import upstream_process

KINDS = ("token", "proxied")
AT_MOST = 1.1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=200, help="of each kind in each round, one after the other")
    options = parser.parse_args()
    with ExitStack() as stack:
        service = stack.enter_context(upstream_process())
        small, large = (started(stack, service) for _ in range(2))
        fill(large, options)
        targets = [targets_at(product, service) for product in (small, large)]
        ratios = in_turns([small, large], targets, options)
    result = {kind: spread(values) for kind, values in ratios.items()}
    for kind, numbers in result.items():
        say(f"{kind:8} times as long  " + "  ".join(f"{name} {value:.2f}" for name, value in numbers.items()))
    say(json.dumps(vars(options) | {"load": os.getloadavg()[0], "times as long": result}))
    return 0 if all(statistics.median(values) <= AT_MOST for values in ratios.values()) else 1


def started(stack: ExitStack, service: str) -> Product:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="specway-bench-")))
    env = {"EGRESS_ALLOWED_HOSTS": service.removeprefix("http://"), "LOG_LEVEL": "WARNING", **UNLIMITED}
    return stack.enter_context(
        running_product(folder, forks=False, database="postgresql", worker=False, beat=False, env=env)
    )


def fill(product: Product, options: argparse.Namespace) -> None:
    """Fill the product's database. Raises CalledProcessError."""
    sizes = ["--connections", str(options.connections), "--events", str(options.events)]
    subprocess.run(
        [sys.executable, "-m", "tests.bench.volume", *sizes],
        cwd=REPOSITORY,
        env=product.env | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        check=True,
    )


def in_turns(
    products: list[Product], targets: list[dict[str, Target]], options: argparse.Namespace
) -> dict[str, list[float]]:
    """By kind of call, how many times as long it takes in the second product, round by round."""
    servers = [pinned(product) for product in products]
    callers = [{kind: Caller(each[kind]) for kind in KINDS} for each in targets]
    for each in callers:
        for caller in each.values():
            for _ in range(WARM_UP):
                caller()
    ratios: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(options.rounds):
        for kind in KINDS:
            small, large = (
                one_by_one(each[kind], server, options.calls)["ms"]
                for each, server in zip(callers, servers, strict=True)
            )
            ratios[kind].append(large / small)
    return ratios


if __name__ == "__main__":
    sys.exit(main())
