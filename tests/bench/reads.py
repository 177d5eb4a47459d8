"""How long a program waits for a token, with everything up and with Redis, worker and beat down.

`python -m tests.bench.reads` starts a product on PostgreSQL and asks its API: for a token that needs no refresh, and
for one that has just ended. Such a read may take one token call, and at most a second more.
"""

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.home import say
from tests.e2e.cast import Program, newcomer
from tests.e2e.inside import Inside, inside
from tests.e2e.processes import running
from tests.e2e.redis_server import RedisServer, redis_server
from tests.processes import Product, running_product

AT_MOST_MORE = 1.0
AT_MOST_SLOWER = 1.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=200)
    parser.add_argument("--refreshes", type=int, default=20)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="specway-bench-")))
        redis = stack.enter_context(redis_server())
        product = stack.enter_context(
            running_product(
                folder,
                forks=False,
                database="postgresql",
                worker=False,
                beat=False,
                sandbox=True,
                access_token_seconds=900,
                env={"REDIS_URL": redis.url},
            )
        )  # fmt: skip
        look = stack.enter_context(inside(product))
        return run(options, product, look, redis)


def run(options: argparse.Namespace, product: Product, look: Inside, redis: RedisServer) -> int:
    visitor = newcomer(product, look)
    connection, _ = visitor.connect()
    program = visitor.make_key()
    with running(product, "worker"), running(product, "beat"):
        up = measure(options, program, look, connection, "everything up")
    redis.kill()
    down = measure(options, program, look, connection, "Redis, worker and beat down")
    redis.start()
    say(f"a read without refresh is {down[0] / up[0]:.2f} times as slow then (at most {AT_MOST_SLOWER})")
    return 0 if down[0] <= AT_MOST_SLOWER * up[0] and max(up[1], down[1]) < AT_MOST_MORE else 1


def measure(
    options: argparse.Namespace, program: Program, look: Inside, connection: str, when: str
) -> tuple[float, float]:
    """Seconds of a read without a refresh (median), and of one with a refresh (the slowest)."""
    for _ in range(20):
        timed(program, connection)
    plain = statistics.median(timed(program, connection) for _ in range(options.reads))
    with_refresh = []
    for _ in range(options.refreshes):
        look.expire(connection)
        with_refresh.append(timed(program, connection))
    say(
        f"{when}: {1000 * plain:.1f} ms without a refresh; with one {1000 * statistics.median(with_refresh):.0f} ms"
        f" (median) and {1000 * max(with_refresh):.0f} ms (slowest), the service's own time in it"
    )
    return plain, max(with_refresh)


def timed(program: Program, connection: str) -> float:
    began = time.monotonic()
    answer = program.token(connection)
    answer.raise_for_status()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
