"""Forked processes are processes like any other: an environment, an input, a session and an end of their own."""

import os
import signal
import subprocess
import sys

import pytest

from tests import forked

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
