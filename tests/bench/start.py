"""How long the product takes to start: `python -m tests.bench.start`

Seconds, and processor seconds, of `manage.py check`; of the web server until it answers, and of the first page after
that; of `manage.py quickstart` where everything is prepared already. On SQLite, minimum, median and maximum of rounds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import requests
from honcho.environ import parse_procfile

from tests.bench.home import say
from tests.config.test_quickstart import Quickstart, read_until
from tests.prepared import REPOSITORY
from tests.processes import Product, free_port, running_product


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="specway-bench-") as folder:
        with running_product(Path(folder), forks=False, web=0, worker=False, beat=False) as product:
            times = [check_times(product.env) for _ in range(rounds)]
            report("manage.py check", [wall for wall, _ in times])
            report("manage.py check, processor", [cpu for _, cpu in times])
            pages = [web_times(product, number) for number in range(rounds)]
            report("web server answers", [ready for ready, _ in pages])
            report("its first page", [page for _, page in pages])
        report_quickstart(Path(folder) / "quickstart", rounds)


def report(name: str, seconds: list[float]) -> None:
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    say(f"{name:32} min {low:.2f} s  median {middle:.2f} s  max {high:.2f} s")


def check_times(env: dict[str, str]) -> tuple[float, float]:
    """Seconds, and processor seconds, of one `manage.py check`."""
    before, began = os.times(), time.monotonic()
    subprocess.run([sys.executable, "manage.py", "check"], cwd=REPOSITORY, env=env, capture_output=True, check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, used


def web_times(product: Product, number: int) -> tuple[float, float]:
    """Seconds until a web server that is started now answers, and of its first page. It is stopped again."""
    port = str(free_port())
    began = time.monotonic()
    line = parse_procfile((REPOSITORY / "Procfile").read_text()).processes["web"]
    product.start(f"web{number}", line, PORT=port, WEB_CONCURRENCY="1")
    wait_for(lambda: requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok)
    ready = time.monotonic() - began
    began = time.monotonic()
    requests.get(f"http://127.0.0.1:{port}/accounts/login/", timeout=30).raise_for_status()
    page = time.monotonic() - began
    stop(product.processes.pop(f"web{number}"))
    return ready, page


def wait_for(answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if answers():
                return
        except requests.RequestException:
            time.sleep(0.01)
    raise RuntimeError("The web server did not answer within a minute.")


def report_quickstart(folder: Path, rounds: int) -> None:
    folder.mkdir()
    quickstart = Quickstart(folder=folder, port=free_port())
    quickstart.run("--prepare-only").check_returncode()
    seconds = []
    for _ in range(rounds):
        began = time.monotonic()
        process = quickstart.start()
        read_until(process, "Ready. Open")
        seconds.append(time.monotonic() - began)
        stop(process)
    report("quickstart, prepared already", seconds)


def stop(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.terminate()
    psutil.wait_procs(children, timeout=30)
    process.wait(timeout=30)


if __name__ == "__main__":
    main()
