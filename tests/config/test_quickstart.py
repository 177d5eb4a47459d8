"""`manage.py quickstart` with a folder and a `.env` of its own.

`first_start` and the test that stops it with Ctrl-C run it as people do, the other tests with the project's modules
imported before. What it starts are processes as people have them.
"""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests

from config.quickstart import checks
from config.quickstart.processes import die_with_parent
from config.quickstart.refusal import Refusal
from tests import forked
from tests.e2e.processes import wait_for
from tests.forked import Started
from tests.prepared import BUSY, PASSWORD_LINE, first_start, on_postgresql
from tests.prepared import quickstart as run_quickstart
from tests.processes import REPOSITORY, free_port


@dataclass
class Quickstart:
    folder: Path
    port: int

    @property
    def env_file(self) -> Path:
        return self.folder / ".env"

    def environment(self) -> dict[str, str]:
        own = {"ENV_FILE": str(self.env_file), "VAR_DIR": str(self.folder / "var"), "HOME": str(self.folder)}
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | own

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return run_quickstart(self.folder, *arguments, **more)

    def command(self) -> list[str]:
        return [sys.executable, str(REPOSITORY / "manage.py"), "quickstart", "--port", str(self.port)]

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=die_with_parent,
        )

    def start_imported(self) -> Started:
        started: Started = forked.start(
            [sys.executable, "manage.py", *self.command()[2:]],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return started


@pytest.fixture
def quickstart(tmp_path: Path) -> Quickstart:
    return Quickstart(folder=tmp_path, port=free_port())


@pytest.fixture
def prepared(quickstart: Quickstart) -> Quickstart:
    """A copy of what `--prepare-only` makes."""
    folder, _ = first_start()
    shutil.copytree(folder / "var", quickstart.folder / "var")
    shutil.copy(folder / ".env", quickstart.env_file)
    return quickstart


@dataclass
class Starting:
    """A quickstart that has just started its four processes."""

    quickstart: Quickstart
    process: Started
    children: list[psutil.Process]


@pytest.fixture
def starting(prepared: Quickstart, request: pytest.FixtureRequest) -> Iterator[Starting]:
    """With `as_people_do` as its parameter, nothing was imported before."""
    process = prepared.start() if getattr(request, "param", "") == "as_people_do" else prepared.start_imported()
    read_until(process, "Starting web, worker, beat and sandbox")
    children = wait_for(lambda: started_by(process), seconds=60)
    yield Starting(prepared, process, children)
    children += psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    for each in children:
        if each.is_running():
            each.kill()
    process.wait()


def started_by(process: Started) -> list[psutil.Process]:
    """Its children, as soon as all four are there, each as the program that it is to be."""
    children = psutil.Process(process.pid).children()
    words = {word for child in children for word in child.cmdline()}
    return children if {"gunicorn", "worker", "beat", "apps.sandbox"} <= words else []


def read_until(process: Started, text: str) -> str:
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if text in line:
            return output
    raise AssertionError(f"quickstart ended without {text!r}:\n{output}")


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_it_prepares_everything_once_and_changes_nothing_the_next_time(prepared: Quickstart) -> None:
    folder, first = first_start()
    assert [email for email, _ in PASSWORD_LINE.findall(first["stdout"])] == [
        "owner@specway.example",
        "member@specway.example",
    ]
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    written = (folder / ".env").read_bytes()
    for key in re.findall(r"^\w*KEYS?=(.*)$", written.decode(), re.MULTILINE):
        assert key not in first["stdout"] + first["stderr"]

    again = prepared.run("--prepare-only", "--port", str(free_port()))
    assert again.returncode == 0, again.stderr
    assert prepared.env_file.read_bytes() == written
    assert not PASSWORD_LINE.search(again.stdout)

    anew = prepared.run("--accounts")
    assert set(PASSWORD_LINE.findall(anew.stdout)).isdisjoint(PASSWORD_LINE.findall(first["stdout"]))
    assert len(PASSWORD_LINE.findall(anew.stdout)) == 2


def test_a_missing_key_that_rows_still_need_is_named(prepared: Quickstart) -> None:
    prepared.env_file.unlink()
    done = prepared.run("--prepare-only", "--port", str(prepared.port))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "VAULT_KEYS" in done.stderr


def test_a_port_in_use_is_one_sentence_and_nothing_is_written(quickstart: Quickstart) -> None:
    with socket.create_server(("127.0.0.1", quickstart.port)):
        done = quickstart.run("--port", str(quickstart.port))
    assert_one_sentence(done, f"Port {quickstart.port} is in use", "--port")
    assert not quickstart.env_file.exists()


def test_a_sandbox_url_of_the_environment_is_kept_with_a_chosen_port(quickstart: Quickstart) -> None:
    sandbox = free_port()
    with socket.create_server(("127.0.0.1", sandbox)):
        done = quickstart.run("--port", str(quickstart.port), SANDBOX_URL=f"http://127.0.0.1:{sandbox}")
    assert_one_sentence(done, f"Port {sandbox} is in use", "SANDBOX_URL")


def test_without_the_sandboxs_packages_it_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_spec", lambda _name: None)
    with pytest.raises(Refusal, match=re.escape("-r constraints-sandbox.txt")):
        checks.require_sandbox_packages()


def test_a_folder_that_cannot_be_written_is_one_sentence(quickstart: Quickstart) -> None:
    (quickstart.folder / "var").write_text("a file where the folder should be")
    assert_one_sentence(quickstart.run("--prepare-only"), str(quickstart.folder / "var"))
    assert not quickstart.env_file.exists()


def test_an_env_file_without_keys_is_named_and_not_changed(quickstart: Quickstart) -> None:
    quickstart.env_file.write_text("DEBUG=false\n")
    assert_one_sentence(quickstart.run("--prepare-only"), "VAULT_KEYS", str(quickstart.env_file))
    assert quickstart.env_file.read_text() == "DEBUG=false\n"


def test_a_redis_that_is_down_is_one_sentence(quickstart: Quickstart) -> None:
    done = quickstart.run("--prepare-only", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert_one_sentence(done, "Redis does not answer")


def test_a_database_that_is_down_is_reported_without_a_traceback(quickstart: Quickstart) -> None:
    done = quickstart.run("--prepare-only", DATABASE_URL=f"postgres://who:hidden@127.0.0.1:{free_port()}/specway")
    assert done.returncode == 1
    assert "cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hidden" not in done.stderr


def test_an_invalid_port_is_refused(quickstart: Quickstart) -> None:
    assert "is not a port number" in quickstart.run("--port", "99999").stderr


@pytest.mark.needs_postgresql
def test_it_prepares_postgresql() -> None:
    made = on_postgresql()
    assert "Preparing the database (PostgreSQL, " in made["stdout"]
    assert len(PASSWORD_LINE.findall(made["stdout"])) == 2


@pytest.mark.parametrize("starting", ["as_people_do"], indirect=True)
def test_it_starts_everything_and_ctrl_c_stops_everything(starting: Starting) -> None:
    quickstart, process = starting.quickstart, starting.process
    output = read_until(process, "Ready. Open")
    assert f"\nReady. Open http://127.0.0.1:{quickstart.port}/\n" in output
    assert requests.get(f"http://127.0.0.1:{quickstart.port}/accounts/login/", timeout=30).status_code == 200
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 6  # web with its two workers, worker, beat and sandbox
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60 * BUSY)
    assert process.returncode == 130
    assert_all_end(children)


def test_everything_ends_when_quickstart_is_killed(starting: Starting) -> None:
    starting.process.kill()
    assert_all_end(starting.children)


def test_one_process_that_dies_is_named_and_ends_the_others(starting: Starting) -> None:
    next(child for child in starting.children if "beat" in child.cmdline()).kill()
    output, _ = starting.process.communicate(timeout=60 * BUSY)
    assert "because beat ended" in output
    assert starting.process.returncode == 1
    assert_all_end(starting.children)


def assert_all_end(children: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(children, timeout=30 * BUSY)
    deadline = time.monotonic() + 5
    while alive and time.monotonic() < deadline:  # a zombie that is not reaped yet is dead too
        alive = [child for child in alive if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not alive
