"""A Redis of one's own, to be stopped and flushed."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from config.quickstart.processes import die_with_parent
from tests.processes import free_port


def start_redis(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """It answers, and keeps nothing on disk."""
    process = subprocess.Popen(
        ["redis-server", *f"--port {port} --bind 127.0.0.1 --dir {folder}".split(), "--save", ""],  # noqa: S607 - as found
        stdout=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    client = redis.Redis(port=port)
    for _ in range(500):
        try:
            client.ping()
            return process
        except redis.RedisError:
            time.sleep(0.02)
    raise RuntimeError("redis-server does not answer.")


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """Its URL, while the block lasts."""
    port = free_port()
    process = start_redis(folder, port)
    try:
        yield f"redis://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
