"""Gunicorn's settings: `gunicorn -c config/gunicorn.py config.wsgi`."""

import gc
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

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


bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
# The most that gunicorn allows: filters of lists are in the query, escaped.
limit_request_line = 8190
graceful_timeout = 25
# Heartbeats must not wait for a disk; on Linux, /dev/shm is memory.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes its own file there
logger_class = RedactingLogger
accesslog = "-"
control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """Loaded code stays in memory, so the garbage collector need not scan it in the middle of a request."""
    gc.collect()
    gc.freeze()
