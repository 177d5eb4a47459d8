"""The process that imports and forks: `python -m tests.forked DESCRIPTOR [VARIABLES]`, a socket.

With variables (JSON), it has the project's modules too: see preloaded.py.
"""

import atexit
import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.forked import preloaded

# What reads settings or the environment while it is imported is not here: prometheus_client, models, our own settings.
LIBRARIES = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.fixups.django",
    "celery.worker.consumer",
    "corsheaders.middleware",
    "cryptography.fernet",
    "csp.middleware",
    "django.contrib.admin.views.main",
    "django.contrib.postgres.fields",
    "django.contrib.staticfiles.storage",
    "django.core.handlers.wsgi",
    "django.core.management.commands.shell",
    "django.db.backends.postgresql.psycopg_any",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.executor",
    "django.views.debug",
    "django_htmx.middleware",
    "django_stubs_ext.aliases",
    "drf_spectacular.utils",
    "environ",
    "fido2.server",
    "gunicorn.app.wsgiapp",
    "gunicorn.workers.gthread",
    "http.server",
    "jsonschema_rs",
    "oauthlib.oauth2",
    "psycopg_pool",
    "re2",
    "redis",
    "requests_oauthlib",
    "rest_framework.metadata",
    "rest_framework.serializers",
    "whitenoise.middleware",
    "wsgiref.simple_server",
    "yaml",
    # The largest module of the product that needs no settings.
    "apps.integrations.catalog.schema",
)
PR_SET_PDEATHSIG, CLONE_NEWNS = 1, 0x20000
# The exit code, once what was asked for has come to its end.
ended: list[int] = []


def serve(asking: socket.socket) -> dict[str, Any]:
    """Forks for each message. Returns in what was forked, with what it is to run; in this process it does not."""
    reports: dict[int, int] = {}
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([asking, reads], [], [])
        if reads in ready:
            os.read(reads, 4096)
            report_ends(reports)
        if asking in ready:
            _, descriptors, _, _ = socket.recv_fds(asking, 1, 5)
            if not descriptors:
                os._exit(0)  # pytest has ended
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for descriptor in (reads, writes, asking.detach(), *reports.values()):
                    os.close(descriptor)
                return begin(descriptors)
            reports[pid] = descriptors.pop()
            os.write(reports[pid], pid.to_bytes(4, "big"))
            for descriptor in descriptors:
                os.close(descriptor)


def report_ends(reports: dict[int, int]) -> None:
    while reports:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        report = reports.pop(pid)
        with suppress(BrokenPipeError):  # no one waits for it any more
            os.write(report, status.to_bytes(4, "big"))
        os.close(report)


def begin(descriptors: list[int]) -> dict[str, Any]:
    """Makes this process what was asked for."""
    request, *files, report = descriptors
    os.close(report)
    with open(request, "rb") as file:  # noqa: PTH123 - a descriptor
        file.seek(0)
        asked: dict[str, Any] = json.load(file)
    if asked["session"]:
        os.setsid()
    if asked["mounts_of"] is not None:
        enter_mounts(asked["mounts_of"])
    if asked["dies"]:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    for number, descriptor in enumerate(files):
        os.dup2(descriptor, number)
    for descriptor in set(files):
        os.close(descriptor)
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # noqa: SIM115 - a descriptor
    sys.stdout = sys.__stdout__ = open(1, "w", closefd=False)  # noqa: SIM115 - a descriptor
    sys.stderr = sys.__stderr__ = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(asked["env"])
    return asked


def enter_mounts(process: int) -> None:
    """As `nsenter --mount`: os.setns comes with Python 3.12."""
    here = Path.cwd()
    with open(f"/proc/{process}/ns/mnt") as namespace:  # noqa: PTH123 - not a file to be read
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "setns")
    os.chdir(here)


def end_at_once() -> None:
    """Freeing each object of what is imported would take longer than most processes run."""
    if ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended[0] & 0xFF)


def main(descriptor: str, variables: str = "{}") -> None:
    if variables == "{}":  # the others run within this one's `run`
        atexit.register(end_at_once)  # the first that is registered is called after all others
    asking = socket.socket(fileno=os.dup(int(descriptor)))
    os.close(int(descriptor))
    for name in LIBRARIES:
        import_module(name)
    read = preloaded.load(json.loads(variables)) if variables != "{}" else {}
    gc.collect()
    gc.freeze()
    argv = serve(asking)["argv"]
    if read:
        preloaded.begin_anew(json.loads(variables), read)
    try:
        run(*argv)
        ended.append(0)
    except SystemExit as end:
        ended.append(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise
    except Exception:
        ended.append(1)
        raise


def run(first: str, *arguments: str) -> None:
    """What Python does with these arguments."""
    if first == "-m":
        sys.argv = list(arguments)
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *arguments[1:]]
        exec(compile(arguments[0], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - what python -c does
    else:
        sys.argv = [first, *arguments]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
