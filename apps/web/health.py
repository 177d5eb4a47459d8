"""Liveness and readiness checks, and the operators' health page."""

import logging
import os
import tempfile
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from celery import current_app
from django.conf import settings
from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from apps.connections.models import Status
from apps.connections.services.heartbeat import last_heartbeat
from apps.row_counts import RowCount
from apps.vault.services import missing_key_ids, vault_ready
from apps.web import operations
from apps.web.dashboard import days_in
from apps.web.history import history
from apps.web.parts import parts

logger = logging.getLogger(__name__)

OK = "ok"
DISK_RESERVE = 1 << 20  # bytes that must be free for readiness
# Seconds since the last heartbeat of the scheduler, which runs every five.
LATE, VERY_LATE = 30, 300


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Liveness. Checks nothing else, since restarting the process does not help if the database is down."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Readiness, with the result of each check; 503 if a required one fails.

    Without the broker the status is 200 "degraded": token calls refresh tokens themselves, so taking the process out
    of service would make things worse.
    """
    required = {"database": _outcome(_database), "keys": _outcome(_keys), "disk": _outcome(_disk)}
    optional = {"broker": _outcome(_broker)}
    if any(outcome != OK for outcome in required.values()):
        status, code = "unavailable", HTTPStatus.SERVICE_UNAVAILABLE
    else:
        status, code = (OK if all(outcome == OK for outcome in optional.values()) else "degraded"), HTTPStatus.OK
    return JsonResponse({"status": status, "checks": required | optional}, status=code)


@never_cache
@require_safe
@admin.site.admin_view
def page(request: HttpRequest) -> HttpResponse:
    """The health page for operators: the parts, the queue, failures with reasons, and upcoming problems."""
    by_status, refreshes, beat = operations.connections_by_status(), operations.refreshes_of_a_day(), last_heartbeat()
    live, now = [pair for pair in by_status if pair[0] != Status.DISCONNECTING], timezone.now()
    context = {
        **admin.site.each_context(request),
        "title": gettext("Health"),
        "now": now,
        "parts": parts(),
        "history": history(days_in(request)),
        "queue": operations.queue(),
        "interrupted": operations.interrupted(),
        "connection_count": sum((by_status[pair] for pair in live), RowCount(0)),
        "attention_count": sum(by_status[pair].number for pair in live if pair[0] == Status.NEEDS_ATTENTION),
        "attention": operations.needing_attention(),
        "refreshes": refreshes,
        "refresh_count": sum(of.total for of in refreshes),
        "failure_count": sum(of.failures for of in refreshes),
        "apps_at_risk": operations.oauth_apps_at_risk(now.date()),
        "silent_services": operations.silent_services(),
        "keys": (keys := operations.vault_keys()),
        "key_rows": max(sum(key.rows.number for key in keys), 1),
        "spool_size": operations.spool_size(),
        "broker_answers": _outcome(_broker) == OK,
        "beat": beat,
        "beat_is_late": (operations.seconds_since(beat) or 0) > LATE,
        "late": LATE,
        "very_late": VERY_LATE,
    }
    return render(request, "web/health.html", context)


def _outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # any failure means not ready
        # Logged by class only; the response is public, and messages of drivers contain addresses and user names.
        logger.warning("Not ready: %s (%s)", check.__name__.strip("_"), type(error).__name__)
        return "failed"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


def _keys() -> str:
    missing = missing_key_ids()
    if missing:
        return f"missing: {', '.join(sorted(missing))}"
    vault_ready()
    return OK


def _disk() -> str:
    """Whether new tokens could be stored, by a database in a file or by the spool, and what else is in VAR_DIR."""
    folders = {"VAR_DIR": Path(settings.VAR_DIR), "SPOOL_DIR": Path(settings.SPOOL_DIR)}
    if connection.vendor == "sqlite":
        folders["DATABASE_URL"] = Path(connection.settings_dict["NAME"]).parent
    for name, folder in folders.items():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                os.posix_fallocate(file.fileno(), 0, DISK_RESERVE)
        except OSError as error:
            return f"{name}: {os.strerror(error.errno or 0).lower()}"
    return OK


def _broker() -> str:
    """One try: kombu pauses for two seconds before a second one, which a broker that hangs would add to this call."""
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=0)
    return OK
