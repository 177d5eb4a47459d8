"""A refresh storm: thousands of connections due at once. `python -m tests.bench.storm`

Prints the throughput over the ideal (threads of all workers / latency) and how long token reads took meanwhile. How
several workers compare with one shows with so few threads that the processors are not the limit:

    python -m tests.bench.storm --connections 1200 --threads 8 --workers 2
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.bench.home import bench_home, say
from tests.bench.provider import counts, running_provider
from tests.processes import REPOSITORY

AT_LEAST = 0.6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--workers", type=int, default=1, help="processes, each with so many threads")
    parser.add_argument("--latency", type=float, default=0.2, help="seconds until the provider answers")
    options = parser.parse_args()
    with ExitStack() as stack:
        origin = stack.enter_context(running_provider(options.latency))
        folder = stack.enter_context(bench_home("postgresql", allowed_host=urlsplit(origin).netloc))
        os.environ["REDIS_URL"] = stack.enter_context(own_redis(folder))
        reader = make_rows(origin, options.connections)
        return run(options, origin, folder, reader)


def own_redis(folder: Path) -> Any:
    from tests.faults.redis import running_redis

    return running_redis(folder)


def make_rows(origin: str, count: int) -> tuple[Any, Any]:
    """`count` connections that are due now, and a fresh one beside them: it and an actor who may use it."""
    from tests.bench.rows import make_due_connections

    return make_due_connections(origin, count)


def run(options: argparse.Namespace, origin: str, folder: Path, reader: tuple[Any, Any]) -> int:
    with (folder / "worker.log").open("wb") as log:
        celery = [sys.executable, "-m", "celery", "-q", "-A", "config"]
        workers = [
            subprocess.Popen(
                [*celery, "worker", "--pool", "threads", "--concurrency", str(options.threads), "--without-gossip",
                 "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING", "--hostname", f"storm{number}"],
                cwd=REPOSITORY, stdout=log, stderr=log,
            )
            for number in range(options.workers)
        ]  # fmt: skip
        beat = subprocess.Popen(
            [*celery, "beat", "--pidfile=", "-s", str(folder / "beat"), "--loglevel", "WARNING"],
            cwd=REPOSITORY, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            seconds, reads, cpu = watch(options, origin, workers, reader)
        finally:
            for process in (beat, *workers):
                process.send_signal(signal.SIGKILL)
                process.wait()
    return judge(options, counts(origin), seconds, reads, cpu)


def watch(
    options: argparse.Namespace, origin: str, workers: "list[subprocess.Popen[bytes]]", reader: tuple[Any, Any]
) -> tuple[float, list[float], float]:
    """Seconds from the first token call to the last, seconds of each read meanwhile, and CPU seconds of the workers."""
    while not counts(origin)["calls"]:
        time.sleep(0.05)
    started, cpu = time.monotonic(), cpu_seconds(workers)
    over, reads = threading.Event(), list[float]()
    reading = threading.Thread(target=read_on, args=(reader, over, reads))
    reading.start()
    while counts(origin)["accepted"] < options.connections and time.monotonic() < started + 300:
        time.sleep(0.25)
        assert all(worker.poll() is None for worker in workers), "a worker ended"
    seconds, cpu = time.monotonic() - started, cpu_seconds(workers) - cpu
    over.set()
    reading.join()
    return seconds, reads, cpu


def cpu_seconds(processes: "list[subprocess.Popen[bytes]]") -> float:
    return float(sum(sum(psutil.Process(process.pid).cpu_times()[:2]) for process in processes))


def read_on(reader: tuple[Any, Any], over: threading.Event, reads: list[float]) -> None:
    from django.db import connections

    from apps.connections.services.tokens import issue_token

    connection, actor = reader
    while not over.is_set():
        began = time.monotonic()
        issue_token(connection=connection, actor=actor)
        reads.append(time.monotonic() - began)
        over.wait(0.1)
    connections.close_all()


def judge(options: argparse.Namespace, found: dict[str, int], seconds: float, reads: list[float], cpu: float) -> int:
    ideal = options.workers * options.threads / options.latency
    ratio = found["accepted"] / seconds / ideal
    say(f"{found['calls']} token calls for {options.connections} connections, {found['refused']} refused;"
        f" at most {found['most_at_once']} at once")  # fmt: skip
    say(f"{seconds:.1f} s: {found['accepted'] / seconds:.0f} a second; ideal {ideal:.0f}; ratio {ratio:.2f}")
    say(f"workers: {1000 * cpu / max(found['accepted'], 1):.1f} ms of CPU for each refresh")
    p95 = statistics.quantiles(reads, n=20)[-1] if len(reads) > 1 else reads[0]
    say(f"{len(reads)} token reads meanwhile: median {1000 * statistics.median(reads):.0f} ms, p95 {1000 * p95:.0f} ms")
    once = found["calls"] == found["accepted"] == options.connections
    return 0 if once and ratio >= AT_LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
