"""Gunicorn's settings: `gunicorn -c config/gunicorn.py config.wsgi`."""

import gc
import os
import resource
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from gunicorn.glogging import Logger

from config.gunicorn_worker import WebWorker
from config.logs import RedactingFormatter, redact


class RedactingLogger(Logger):  # type: ignore[misc]  # gunicorn ships no type information
    """Gunicorn's logger, with secrets cut out of error lines and short access lines."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(RedactingFormatter(self.error_fmt, self.datefmt))

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Log address, method, path, status, bytes and milliseconds, and no more: the query and the Referer may contain
        an authorization code."""
        if self.access_log_enabled:
            self.access_log.info(
                '%s %s "%s %s" %s %s bytes %d ms',
                self.now(),
                environ.get("REMOTE_ADDR", "-"),
                environ["REQUEST_METHOD"],
                _single_line(redact(environ.get("PATH_INFO") or "-")),
                str(resp.status).partition(" ")[0],
                resp.sent,
                request_time / timedelta(milliseconds=1),
            )


def _single_line(path: str) -> str:
    """The path is decoded: a line break in it would start a new log line, and a quote would end the field."""
    return (path if path.isprintable() else path.encode("unicode_escape").decode("ascii")).replace('"', '\\"')


# Read by config/settings.py, which each worker loads.
os.environ["USE_DATABASE_POOL"] = "true"

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = WebWorker
# Made as they are needed; most of them wait for services (apps/request_slots.py).
threads = int(os.environ.get("WEB_THREADS", "1024"))
# Open connections of each process: those that wait for a request too. Gunicorn keeps `threads` of them for requests.
worker_connections = threads + 1000
# Each call to a service has two sockets, and the usual limit of 1,024 open files is lower than most systems allow.
_, _most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most_files, _most_files))
timeout = 60
# The most that gunicorn allows: filters of lists are in the query, escaped.
limit_request_line = 8190
# The proxy sends any method to the service, also lower-case and long ones.
permit_unconventional_http_method = True
graceful_timeout = 25
# Heartbeats must not wait for a disk; on Linux, /dev/shm is memory.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes its own file there
logger_class = RedactingLogger
accesslog = "-"
control_socket_disable = True


BOOT_ERROR = 3  # a worker that exits with this ends the server too (gunicorn.arbiter)


def post_worker_init(worker: Any) -> None:
    """Refuse to start with missing vault keys. Loaded code is excluded from garbage collection, which need not scan it
    in the middle of a request."""
    if apps.ready:  # else the application is not Django's
        from config.startup import connection_warning, require_keys_in_use

        try:
            require_keys_in_use()
            if warning := connection_warning():
                worker.log.warning("%s", warning)
        except ImproperlyConfigured as error:
            worker.log.error("%s", error)
            sys.exit(BOOT_ERROR)
    gc.collect()
    gc.freeze()
