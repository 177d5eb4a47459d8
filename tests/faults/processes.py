"""Starting driven processes on a database, and waiting for what becomes of them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from apps.integrations.catalog.entries import PROVIDERS_DIR
from config.quickstart.processes import die_with_parent
from tests import forked
from tests.forked import Started
from tests.prepared import BUSY, REPOSITORY

KEYS = ("SECRET_KEY", "FINGERPRINT_KEY", "VAULT_KEYS", "METRICS_TOKEN")


def wait_until(true: Callable[[], Any], *, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds * BUSY
    while not true():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.02)


@dataclass
class Child:
    """A driven process. What it prints and logs is kept in files."""

    process: Started
    folder: Path

    def reached(self, point: str) -> None:
        """Waits until it is at the fault point."""

        def there() -> bool:
            ended = self.process.poll()
            arrived = (self.folder / f"{point}.reached").exists()
            assert arrived or ended is None, f"it ended with {ended} before {point}:\n{self.log}"
            return arrived

        wait_until(there, what=f"a process at {point}")

    def stopped(self) -> None:
        """Waits until a SIGSTOP has taken effect."""
        status = Path(f"/proc/{self.process.pid}/status")

        def is_stopped() -> bool:
            assert self.process.poll() is None, f"it ended instead:\n{self.log}"
            return "State:\tT" in status.read_text()

        wait_until(is_stopped, what="a stopped process")

    def go_on(self, point: str) -> None:
        (self.folder / f"{point}.go").touch()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = 60) -> int:
        return self.process.wait(seconds * BUSY)

    def killed(self) -> None:
        """Waits for the end, which must be a SIGKILL."""
        assert self.ended() == -signal.SIGKILL, self.log

    def result(self) -> dict[str, Any]:
        """What it printed, after an end without error."""
        assert self.ended() == 0, self.log
        said: dict[str, Any] = json.loads((self.folder / "out").read_text().splitlines()[-1])
        return said

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


@dataclass
class Crew:
    """Processes that share a database, a folder and an authorization server; all of them end with the test."""

    folder: Path
    env: dict[str, str] = field(repr=False)
    children: list[Child] = field(default_factory=list)
    # The process whose mounted file systems the processes see.
    mounts_of: int | None = None

    @classmethod
    def on(cls, folder: Path, *, database_url: str, spool: str, allowed_host: str) -> "Crew":
        """Nothing of the caller's environment but the search path and the keys of this run."""
        env = {name: os.environ[name] for name in KEYS} | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "ENV_FILE": str(folder / "no.env"),
            "VAR_DIR": str(folder / "var"),
            "SPOOL_DIR": spool,
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "DATABASE_URL": database_url,
            "EGRESS_ALLOWED_HOSTS": allowed_host,
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "LOG_LEVEL": "DEBUG",
        }
        return cls(folder, env)

    def use_rotation(self, rotation: str) -> None:
        """What the catalog says from now on about the service's refresh tokens: none, grace or strict."""
        folder = self.folder / f"catalog-{rotation}"
        if not folder.exists():
            shutil.copytree(PROVIDERS_DIR, folder)
            entry = folder / "sandbox.toml"
            changed, times = re.subn(r'(?m)^rotation = "\w+"$', f'rotation = "{rotation}"', entry.read_text())
            assert times == 1
            entry.write_text(changed)
        self.env["FAULT_CATALOG"] = str(folder)

    def start(self, *command: str, at: str = "", times: Mapping[str, float] | None = None, **env: str) -> Child:
        """Starts `python COMMAND`. `at` is a fault point and what happens there; `times` change the policy's."""
        folder = self.folder / f"child-{len(self.children)}"
        folder.mkdir(parents=True)
        own = {"FAULT_AT": at, "FAULT_DIR": str(folder), "FAULT_TIMES": json.dumps(times or {})}
        with (folder / "out").open("w") as out, (folder / "log").open("w") as log:
            process = self._begin([sys.executable, *command], self.env | own | env, out, log)
        child = Child(process, folder)
        self.children.append(child)
        return child

    def _begin(self, command: list[str], env: dict[str, str], out: IO[str], log: IO[str]) -> Started:
        if "PYTHONPATH" not in env:
            process: Started = forked.start(
                command, env=env, stdout=out, stderr=log, new_session=True, mounts_of=self.mounts_of
            )
            return process
        # Its clock is set before anything is imported.
        return subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def ask(self, *command: str, said: str) -> Any:
        """What `python COMMAND` prints as JSON, given a line to read."""
        done = forked.run([sys.executable, *command], env=self.env, said=said)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def end(self) -> None:
        for child in self.children:
            if child.process.poll() is None:
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()


def crew_of_this_process(folder: Path) -> Crew:
    """Processes that work on what this one works on."""
    return Crew(folder, dict(os.environ))
