"""The sandbox as a process: its command line, its files, and its messages when it cannot start."""

import dataclasses
import json
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from tests import forked
from tests.prepared import copy_sandbox

from .cast import CALLBACK, Client, Person
from .server import Sandbox, environment_for, run, running_sandbox, serving


def start(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "apps.sandbox", *arguments]
    return forked.run(command, env=env, timeout=120)


def test_registering_a_client_again_keeps_its_id_and_replaces_its_secret(tmp_path: Path) -> None:
    var = tmp_path / "sandbox"
    first = copy_sandbox(var, redirect_uris=[CALLBACK])
    second = json.loads(run("register-client", "--redirect-uri", CALLBACK, "http://127.0.0.1/b", var=var).stdout)
    other = json.loads(run("register-client", "--name", "b", "--redirect-uri", CALLBACK, var=var).stdout)
    assert first["client_id"] == second["client_id"] != other["client_id"]
    assert first["client_secret"] != second["client_secret"]
    assert second["client_secret"].encode() not in (var / "sandbox.sqlite3").read_bytes()


def test_the_secret_key_is_created_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    run("register-client", "--redirect-uri", CALLBACK, var=tmp_path)
    key = tmp_path / "secret-key"
    before = key.read_text()
    assert key.stat().st_mode & 0o777 == 0o600
    run("register-client", "--redirect-uri", CALLBACK, var=tmp_path)
    assert key.read_text() == before


def test_the_products_settings_in_the_environment_are_ignored(tmp_path: Path) -> None:
    env = environment_for(tmp_path) | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": "sqlite:///no/such"}
    assert start("register-client", "--redirect-uri", CALLBACK, env=env).returncode == 0
    assert (tmp_path / "sandbox.sqlite3").exists()


def test_a_port_in_use_ends_with_a_one_line_message(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = start("serve", "--port", str(port), env=environment_for(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"cannot listen on port {port}" in done.stderr


def test_a_folder_that_is_not_writable_ends_with_a_one_line_message(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = start("serve", "--port", "0", env=environment_for(blocked / "var"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "cannot write to" in done.stderr


def test_it_refuses_to_serve_on_another_machine_than_this_one(tmp_path: Path) -> None:
    env = environment_for(tmp_path) | {"SANDBOX_URL": "https://sandbox.example.com"}
    done = start("serve", "--port", "0", env=env)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "must be on this machine" in done.stderr


def test_an_invalid_redirect_uri_ends_with_a_one_line_message(tmp_path: Path) -> None:
    done = start("register-client", "--redirect-uri", "javascript:alert(1)", env=environment_for(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stdout == ""


def test_its_migrations_are_complete(tmp_path: Path) -> None:
    env = environment_for(tmp_path) | {"DJANGO_SETTINGS_MODULE": "apps.sandbox.settings"}
    command = [sys.executable, "-m", "django", "makemigrations", "--check", "--dry-run"]
    done = forked.run(command, env=env, timeout=120)
    assert done.returncode == 0, done.stdout


def test_grants_and_reuse_detection_survive_a_restart(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "a", redirect_uris=[CALLBACK]) as sandbox:
        first = Client(sandbox).connect()
        second = Client(sandbox).refresh(first["refresh_token"]).json()
    with serving(tmp_path / "a" / "sandbox", log=tmp_path / "again.log") as (url, process):
        client = Client(dataclasses.replace(sandbox, url=url, process=process))
        assert client.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
        assert client.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"


def test_all_processes_are_stopped_at_the_end_of_the_block(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, redirect_uris=[CALLBACK]) as sandbox:
        sandbox.journal()  # the worker exists after its first response
        workers = psutil.Process(sandbox.process.pid).children()
        assert len(workers) == 1
    assert sandbox.process.poll() is not None
    _, alive = psutil.wait_procs(workers, timeout=15)
    # Without an init process that reaps orphans, an ended worker stays as a zombie.
    assert [worker for worker in alive if worker.status() != psutil.STATUS_ZOMBIE] == []


def test_its_folder_and_its_log_contain_no_secrets(tmp_path: Path) -> None:
    with running_sandbox(tmp_path, redirect_uris=[CALLBACK]) as sandbox:
        used = secrets_of_a_whole_flow(sandbox)
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    for secret in used:
        assert secret.encode() not in kept


def secrets_of_a_whole_flow(sandbox: Sandbox) -> list[str]:
    client = Client(sandbox)
    code = Person(client).authorize()["code"]
    tokens = client.exchange(code).json()
    renewed = client.refresh(tokens["refresh_token"]).json()
    client.get("/api/me", renewed["access_token"])
    names = ("access_token", "refresh_token")
    return [sandbox.client_secret, *(tokens[name] for name in names), *(renewed[name] for name in names)]
