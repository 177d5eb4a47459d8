"""The product's real processes for end-to-end tests: the Procfile's lines, with a folder and database of their own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import requests
from honcho.environ import parse_procfile

from config.quickstart.processes import die_with_parent
from tests import forked
from tests.forked import Started
from tests.prepared import BUSY, REPOSITORY, copy_logos, copy_to_postgresql, copy_to_sqlite, keys
from tests.sandbox.server import Sandbox, running_sandbox
from tests.services import own_redis_database


@dataclass
class Product:
    """A running product. `urls` has one origin for each web process; `accounts` maps e-mail addresses to passwords."""

    urls: list[str]
    var: Path
    env: dict[str, str] = field(repr=False)
    log_dir: Path
    sandbox: Sandbox | None = None
    accounts: dict[str, str] = field(default_factory=dict, repr=False)
    forks: bool = True
    processes: dict[str, Started] = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        return self.urls[0]

    def manage(self, *arguments: str, stdin: str = "") -> str:
        """Runs manage.py with the product's environment; gives what it printed. Raises with its words if it fails."""
        done = forked.run([sys.executable, "manage.py", *arguments], env=self.env, said=stdin, timeout=120 * BUSY)
        if done.returncode:
            raise RuntimeError(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def logs(self) -> str:
        """What all processes wrote so far, at DEBUG."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.log_dir.glob("*.log")))

    def wait_for_log(self, text: str) -> str:
        """The logs, as soon as they hold the text. Raises if it does not come."""
        deadline = time.monotonic() + 30 * BUSY
        while text not in (log := self.logs()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"No {text!r} in the logs:\n{log[-6000:]}")
            time.sleep(0.1)
        return log

    def start(self, name: str, line: str, **env: str) -> None:
        """Starts one process with the product's environment, in a process group of its own."""
        own = self.env | env
        with (self.log_dir / f"{name}.log").open("ab") as log:
            if self.forks and (command := python_of(line, own)):
                self.processes[name] = forked.start(command, env=own, stdout=log, stderr=log, new_session=True)
                return
            self.processes[name] = subprocess.Popen(
                ["/bin/sh", "-c", line],
                cwd=REPOSITORY,
                env=own,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal (SIGKILL, SIGSTOP, …) to one process and all that it started."""
        os.killpg(self.processes[name].pid, number)


def python_of(line: str, env: Mapping[str, str]) -> list[str]:
    """A line of the Procfile as `python -m …`, as the shell reads the rest of it; empty if it is another program."""
    found = re.fullmatch(r'(?:exec |PATH="[^"]*" )*(gunicorn|celery)( .*)', line)
    if found is None:
        return []
    program, rest = found.groups()
    words = subprocess.run(["/bin/sh", "-c", f"printf '%s\\0'{rest}"], env=env, capture_output=True, check=True).stdout
    return [sys.executable, "-m", program, *words.decode().split("\0")[:-1]]


@contextmanager
def running_product(
    tmp_path: Path,
    *,
    database: Literal["sqlite", "postgresql"] = "sqlite",
    broker: Literal["filesystem", "redis"] = "filesystem",
    web: int = 1,
    worker: bool = True,
    beat: bool = True,
    sandbox: bool = False,
    access_token_seconds: int = 60,
    forks: bool = True,
    env: Mapping[str, str] | None = None,
) -> Iterator[Product]:
    """The prepared product (demo team, catalog, the sandbox as a client), answering; all of it ends with the block.

    `web` counts web processes, each with a port of its own. With `sandbox`, `product.sandbox` is the service.
    Without `forks`, processes take as long to start as elsewhere, and share no memory with others.
    """
    with ExitStack() as stack:
        urls = [f"http://127.0.0.1:{free_port()}" for _ in range(web or 1)]
        env_of_its_own = _environment(tmp_path, urls[0])
        product = Product(urls, tmp_path / "var", env_of_its_own, tmp_path / "logs", forks=forks)
        product.log_dir.mkdir()
        if broker == "redis":
            product.env["REDIS_URL"] = stack.enter_context(own_redis_database())
        if sandbox:
            product.sandbox = stack.enter_context(_sandbox(tmp_path, product, access_token_seconds))
        _copy_database(product, database, stack)
        _update(product.env, env or {})
        stack.callback(_stop, product)
        lines = parse_procfile((REPOSITORY / "Procfile").read_text()).processes
        for number, url in enumerate(urls[:web]):
            product.start(f"web{number}", lines["web"], PORT=url.rpartition(":")[2], WEB_CONCURRENCY="1")
        for name in ["worker"] * worker + ["beat"] * beat:
            product.start(name, lines[name])
        _wait_until_ready(product)
        yield product


def _copy_database(product: Product, database: str, stack: ExitStack) -> None:
    origin = product.sandbox.url if product.sandbox else ""
    if database == "postgresql":
        copied = stack.enter_context(copy_to_postgresql(sandbox=origin))
        product.env["DATABASE_URL"], product.accounts = copied
        copy_logos(product.var)
    else:
        product.accounts = copy_to_sqlite(product.var, sandbox=origin)


def _update(env: dict[str, str], added: Mapping[str, str]) -> None:
    """Adds the variables; the sandbox's host stays allowed beside the hosts that they allow."""
    hosts = [each["EGRESS_ALLOWED_HOSTS"] for each in (env, added) if "EGRESS_ALLOWED_HOSTS" in each]
    env.update(added)
    if hosts:
        env["EGRESS_ALLOWED_HOSTS"] = ",".join(hosts)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(tmp_path: Path, url: str) -> dict[str, str]:
    """Nothing of the caller's but the search path; keys that exist in this run only."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "ENV_FILE": str(tmp_path / "no.env"),
        "VAR_DIR": str(tmp_path / "var"),
        **keys(),
        "PUBLIC_URL": url,
        "LOG_LEVEL": "DEBUG",
    }


@contextmanager
def _sandbox(tmp_path: Path, product: Product, access_token_seconds: int) -> Iterator[Sandbox]:
    redirect_uri = f"{product.url}/oauth/callback"
    with running_sandbox(tmp_path, redirect_uris=[redirect_uri], access_token_seconds=access_token_seconds) as service:
        product.env["EGRESS_ALLOWED_HOSTS"] = service.url.removeprefix("http://")
        yield service


def _wait_until_ready(product: Product) -> None:
    deadline = time.monotonic() + 60 * BUSY
    waiting = set(product.processes)
    while waiting:
        waiting -= {name for name in waiting if _is_ready(product, name)}
        ended = [name for name, process in product.processes.items() if process.poll() is not None]
        if ended or time.monotonic() > deadline:
            raise RuntimeError(f"Not ready: {ended or waiting}\n{product.logs()[-6000:]}")
        time.sleep(0.1)


def _is_ready(product: Product, name: str) -> bool:
    log = (product.log_dir / f"{name}.log").read_text(errors="replace")
    if name == "worker":
        return " ready." in log
    if name == "beat":
        return "beat: Starting" in log
    try:
        return requests.get(f"{product.urls[int(name[3:])]}/healthz", timeout=10 * BUSY).status_code == 200
    except requests.RequestException:
        return False


def _stop(product: Product) -> None:
    """All process groups are gone afterwards, also stopped and hanging ones."""
    for process in product.processes.values():
        _signal_group(process, signal.SIGTERM)
        _signal_group(process, signal.SIGCONT)
    for process in product.processes.values():
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=8)
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: Started, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
