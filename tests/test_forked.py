"""Forked processes are processes like any other: an environment, an input, a session and an end of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import forked
from tests.vault.keys import new_key

SHOW = "import os, sys; print(os.environ['MINE'], len(os.environ), sys.argv, sys.stdin.read(), os.getcwd())"


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def test_it_has_the_environment_arguments_and_input_that_it_was_given() -> None:
    done = forked.run(python(SHOW, "one"), env={"MINE": "yes"}, said="words")
    assert done.stdout == f"yes 1 ['-c', 'one'] words {forked.REPOSITORY}\n", done.stderr


def test_an_error_is_its_exit_code_and_its_traceback() -> None:
    done = forked.run(python("1 / 0"), env={})
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "ZeroDivisionError: division by zero")
    assert forked.run(python("raise SystemExit(7)"), env={}).returncode == 7
    assert forked.run([sys.executable, "-m", "tests.no_such_module"], env={}).returncode == 1


def test_what_is_to_be_done_at_the_end_is_done() -> None:
    done = forked.run(python(AT_THE_END), env={})
    assert done.stdout.splitlines() == ["main", "thread", "exit"]
    assert (done.returncode, done.stderr) == (3, "")
    assert forked.run(python("raise SystemExit('a reason')"), env={}).stderr == "a reason\n"


AT_THE_END = """
import atexit, threading, time
atexit.register(print, "exit")
threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
print("main")
raise SystemExit(3)
"""


def test_a_signal_reaches_one_process_and_its_session_and_is_its_end() -> None:
    waits = python("import time; print('there', flush=True); time.sleep(600)")
    one, other = (forked.start(waits, env={}, stdout=subprocess.PIPE, new_session=True) for _ in range(2))
    assert {one.stdout.readline(), other.stdout.readline()} == {"there\n"}
    with pytest.raises(subprocess.TimeoutExpired):
        one.wait(0.01)
    os.killpg(one.pid, signal.SIGKILL)
    assert one.wait(60) == -signal.SIGKILL
    assert other.poll() is None
    other.terminate()
    assert (other.communicate(60)[0], other.returncode) == ("", -signal.SIGTERM)


def test_nothing_that_reads_settings_is_imported_before() -> None:
    code = "import sys; print([name for name in sys.modules if name.startswith(('config', 'prometheus_client'))])"
    assert forked.run(python(code), env={}).stdout == "[]\n"
    code = "from django.conf import settings; print(settings.configured)"
    assert forked.run(python(code), env={}).stdout == "False\n"


@pytest.fixture
def product(tmp_path: Path) -> dict[str, str]:
    """The environment of a process of the product."""
    folders = {"VAR_DIR": str(tmp_path / "var"), "ENV_FILE": str(tmp_path / ".env")}
    keys = {"SECRET_KEY": "s" * 50, "FINGERPRINT_KEY": "f" * 50, "VAULT_KEYS": f"test:{new_key()}"}
    return folders | keys | {"DJANGO_SETTINGS_MODULE": "config.settings"}


def test_the_products_modules_are_imported_and_nothing_is_configured(product: dict[str, str]) -> None:
    shown = forked.run(python(IMPORTED), env=product)
    assert json.loads(shown.stdout) == [True, False, False, []], shown.stderr


IMPORTED = """
import json, sys, threading
from django.apps import apps
from django.conf import settings
config = [name for name in sys.modules if name.partition(".")[0] == "config"]
assert threading.active_count() == 1
print(json.dumps(["apps.connections.views.detail" in sys.modules, settings.configured, apps.ready, config]))
"""


def test_each_process_has_the_settings_of_its_own_environment(product: dict[str, str]) -> None:
    for number in ("1", "2"):
        own = {"PUBLIC_URL": f"http://127.0.0.{number}", "EGRESS_ALLOWED_HOSTS": f"127.0.0.{number}:80"}
        database = {"DATABASE_URL": f"sqlite:///{product['VAR_DIR']}/{number}", "REQUEST_SLOTS": number}
        shown = forked.run(python(CONFIGURED), env=product | own | database)
        address = f"http://127.0.0.{number}"
        values = [address, address, f"{product['VAR_DIR']}/{number}", int(number), True]
        assert json.loads(shown.stdout) == values, shown.stderr


CONFIGURED = """
import json, django
django.setup()
from django.conf import settings
from django.db import connection
from drf_spectacular.settings import spectacular_settings
from apps import egress, request_slots
from config.celery import app
print(json.dumps([
    settings.PUBLIC_URL,
    spectacular_settings.SERVERS[0]["url"],
    connection.settings_dict["NAME"],
    request_slots.REQUEST_SLOTS._free._value,
    "connections.refresh_due" in app.tasks,
]))
"""


def test_other_settings_than_modules_were_imported_with_are_an_error(product: dict[str, str]) -> None:
    Path(product["ENV_FILE"]).write_text("REQUEST_SLOTS=3")
    done = forked.run(python("import django; django.setup()"), env=product)
    assert done.returncode == 1
    assert "imported with other settings" in done.stderr
    assert "['REQUEST_SLOTS']" in done.stderr
