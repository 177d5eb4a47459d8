"""Calls that a service leaves without a response for long, and token reads beside them, on PostgreSQL.

    python -m tests.bench.long_calls [--calls 500] [--seconds 30] [--reads 300]

Starts the web server with its default settings (two processes), opens the calls at once, and compares token reads
before and meanwhile. Prints milliseconds, database connections and memory; ends with 1 where a bound is not kept.
"""

import argparse
import socket
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import requests
from honcho.environ import parse_procfile

from tests.bench.home import say
from tests.e2e.inside import CONNECT_UPSTREAM, UPSTREAM_TOKEN, inside
from tests.e2e.test_database_pool import OURS
from tests.processes import REPOSITORY, Product, running_product
from tests.upstream import upstream_process

AT_MOST_SLOWER = 2.0
AT_MOST_DATABASE_CONNECTIONS = 40
AT_MOST_MEMORY = 400  # MB


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--calls", type=int, default=500)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--reads", type=int, default=300)
    chosen = options.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="specway-bench-")))
        service = stack.enter_context(upstream_process())
        rates = {f"API_{name}CALLS_PER_MINUTE": "0" for name in ("", "TOKEN_", "TEAM_")}
        env = {"EGRESS_ALLOWED_HOSTS": service.removeprefix("http://"), "LOG_LEVEL": "WARNING", **rates}
        product = stack.enter_context(
            running_product(folder, forks=False, database="postgresql", web=0, worker=False, beat=False, env=env)
        )
        start_web(product)
        look = stack.enter_context(inside(product))
        connection, _, key = look.run(CONNECT_UPSTREAM, origin=service, token=UPSTREAM_TOKEN)
        base = f"{product.url}/api/v1/connections/{connection}"
        before = reads(f"{base}/token/", key, chosen.reads)
        started = time.monotonic()
        callers = [opened(f"{base}/proxy/wait", key) for _ in range(chosen.calls)]
        waiting = until_waiting(service, chosen.calls)
        say(f"{waiting} of {chosen.calls} calls wait for the service after {time.monotonic() - started:.1f} s")
        meanwhile = reads(f"{base}/token/", key, chosen.reads)
        time.sleep(max(0.0, started + chosen.seconds - time.monotonic()))
        still = int(requests.get(f"{service}/api/waiting", timeout=60).text)
        connections, memory = int(look.run(OURS)), memory_of(product)
        for caller in callers:
            caller.close()
        say(f"{still} wait after {chosen.seconds:.0f} s, {connections} database connections, {memory:.0f} MB")
        ratio = meanwhile / before
        say(f"token reads take {before:.1f} ms before and {meanwhile:.1f} ms meanwhile (medians): {ratio:.2f} times")
        kept = still == chosen.calls and ratio <= AT_MOST_SLOWER and connections <= AT_MOST_DATABASE_CONNECTIONS
        return 0 if kept and memory <= AT_MOST_MEMORY else 1


def start_web(product: Product) -> None:
    """The web server as the Procfile starts it, until it answers."""
    line = parse_procfile((REPOSITORY / "Procfile").read_text()).processes["web"]
    product.start("web0", line, PORT=product.url.rpartition(":")[2])
    deadline = time.monotonic() + 120
    while True:
        try:
            requests.get(f"{product.url}/readyz", timeout=10)
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def reads(url: str, key: str, count: int) -> float:
    """The median of `count` token reads on one connection, in milliseconds."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        session.post(url, timeout=60).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def opened(url: str, key: str) -> socket.socket:
    """A connection on which the request was sent."""
    parts = urlsplit(url)
    caller = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=60)
    head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n\r\n"
    caller.sendall(head.encode())
    return caller


def until_waiting(service: str, count: int) -> int:
    """How many calls have reached the service, as soon as all have, and no more came for ten seconds at the latest."""
    seen, since = 0, time.monotonic()
    while seen < count and time.monotonic() - since < 10:
        now = int(requests.get(f"{service}/api/waiting", timeout=60).text)
        if now > seen:
            seen, since = now, time.monotonic()
        time.sleep(0.05)
    return seen


def memory_of(product: Product) -> float:
    """What the web server's processes hold together, in MB; shared pages count once (PSS)."""
    server = psutil.Process(product.processes["web0"].pid)
    total = sum(process.memory_full_info().pss for process in [server, *server.children(recursive=True)])
    return float(total) / 1e6


if __name__ == "__main__":
    sys.exit(main())
