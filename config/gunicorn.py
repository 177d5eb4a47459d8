"""Gunicorn's settings: `gunicorn -c config/gunicorn.py config.wsgi`."""

import os
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from config.logs import RedactingFormatter, redact


class CarefulLogger(Logger):  # type: ignore[misc]  # gunicorn ships no type information
    """Gunicorn's logger; an error's line loses the query of the request that it quotes."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(RedactingFormatter(self.error_fmt, self.datefmt))

    def atoms(self, *args: Any) -> dict[str, Any]:
        atoms: dict[str, Any] = super().atoms(*args)
        return atoms | {"U": redact(atoms["U"] or "-")}


bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "8"))
timeout = 60
# The most that gunicorn allows: filters of lists stand in the address, escaped.
limit_request_line = 8190
graceful_timeout = 25
# Heartbeats must not wait for a disk; /dev/shm is memory on Linux.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes its own file there
logger_class = CarefulLogger
accesslog = "-"
# Never %(r)s, %(q)s or %(f)s: the callback's query holds the authorization code, and so does a Referer.
access_log_format = '%(t)s %(h)s "%(m)s %(U)s" %(s)s %(B)s bytes %(M)s ms'
control_socket_disable = True
