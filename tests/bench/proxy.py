"""How much longer a call through the proxy takes than the same call made directly, on one connection that is kept open.

    python -m tests.bench.proxy [--database sqlite|postgresql] [--calls 500]

Prints medians and 95th percentiles in milliseconds. The service, the web server and the caller are three processes.
"""

import argparse
import http.client
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.home import say
from tests.e2e.inside import CONNECT_UPSTREAM, UPSTREAM_TOKEN, inside
from tests.processes import running_product
from tests.upstream import upstream_process

WARM_UP = 50


def measured(call: Callable[[], None], count: int) -> list[float]:
    """Milliseconds of each of `count` calls, after some that do not count."""
    for _ in range(WARM_UP):
        call()
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def caller(origin: str, path: str, key: str) -> Callable[[], None]:
    connection = http.client.HTTPConnection(origin.removeprefix("http://"), timeout=60)

    def call() -> None:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered with {answer.status}.")

    return call


def reported(name: str, taken: list[float]) -> float:
    middle = statistics.median(taken)
    say(f"{name:<28} median {middle:6.2f} ms   95 % {statistics.quantiles(taken, n=20)[18]:6.2f} ms")
    return middle


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    options.add_argument("--calls", type=int, default=500)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="specway-bench-") as folder, upstream_process() as service:
        env = {"EGRESS_ALLOWED_HOSTS": service.removeprefix("http://"), "LOG_LEVEL": "WARNING"}
        with (
            running_product(Path(folder), database=chosen.database, worker=False, beat=False, env=env) as product,
            inside(product) as look,
        ):
            connection, key, full_key = look.run(CONNECT_UPSTREAM, origin=service, token=UPSTREAM_TOKEN)
            path = f"/api/v1/connections/{connection}/proxy/small"
            direct = reported("direct", measured(caller(service, "/api/small", key), chosen.calls))
            plain = reported("proxied", measured(caller(product.url, path, full_key), chosen.calls))
            hidden = reported("proxied and redacted", measured(caller(product.url, path, key), chosen.calls))
            say(f"overhead on {chosen.database}: {plain - direct:.2f} ms as it is, {hidden - direct:.2f} ms redacted")


if __name__ == "__main__":
    main()
