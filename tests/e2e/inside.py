"""A look inside a running product: one more process with its environment, which runs a few lines of its own code."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests import forked
from tests.forked import Started
from tests.processes import Product

SERVE = """
import json, sys, traceback
import django
django.setup()
for line in sys.stdin:
    code, names = json.loads(line)
    try:
        exec(code, names)
        result = {"answer": names.get("answer")}
    except Exception:
        result = {"failed": traceback.format_exc()}
    print(json.dumps(result, default=str), flush=True)
"""


@dataclass
class Inside:
    """The product's own models and settings, for what no page shows: clocks that are set back, plaintext secrets."""

    process: Started

    def run(self, code: str, **names: Any) -> Any:
        """Runs the code with the names; gives its `answer` as JSON carries it. Raises with its traceback."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([code, names]) + "\n")
        self.process.stdin.flush()
        result = json.loads(self.process.stdout.readline())
        if "failed" in result:
            raise RuntimeError(result["failed"])
        return result["answer"]

    def token_set(self, connection: str) -> dict[str, Any]:
        """The columns of a connection's token set that are no secrets, and the connection's status."""
        return dict(self.run(TOKEN_SET, connection=connection))

    def expire(self, connection: str) -> None:
        """The access token ends now, and so does a lease that a dead process left behind."""
        self.run(EXPIRE, connection=connection)

    def audited(self, prefix: str) -> list[list[str]]:
        """Action and code of the audit events whose action starts so, oldest first."""
        return list(self.run(AUDITED, prefix=prefix))


TOKEN_SET = """
from apps.connections.models import TokenSet
row = TokenSet.objects.select_related("connection").get(connection=connection)
answer = {
    name: getattr(row, name)
    for name in ("version", "expires_at", "next_refresh_at", "sent_at", "lease_until", "failure_count", "last_failure")
} | {"id": row.pk, "status": row.connection.status, "reason": row.connection.status_reason}
"""
EXPIRE = """
from datetime import timedelta
from apps.sql import Now
from apps.connections.models import TokenSet
mine = TokenSet.objects.filter(connection=connection)
mine.update(expires_at=Now(), dispatched_until=None)
mine.filter(lease_until__isnull=False).update(lease_until=Now() - timedelta(seconds=1))
"""
AUDITED = """
from apps.audit.models import AuditEvent
events = AuditEvent.objects.filter(action__startswith=prefix).order_by("id")
answer = [[event.action, event.detail.get("code", "")] for event in events]
"""


@contextmanager
def inside(product: Product) -> Iterator[Inside]:
    """The process runs as long as the block."""
    env = product.env | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    process = forked.start([sys.executable, "-c", SERVE], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Inside(process)
    finally:
        process.kill()
        process.communicate()


# A connection at `origin` with `token`: its ID, a key that may use it, and one that may also read tokens.
CONNECT_UPSTREAM = """
from datetime import timedelta
from django.utils import timezone
from apps.connections.models import Connection, TokenSet
from apps.integrations.models import Integration
from apps.integrations.oauth_apps.services import ensure_oauth_app
from apps.teams.models import ApiKey, Membership
from apps.teams import keys
ensure_oauth_app(integration_slug="sandbox", client_id="us", client_secret="c" * 32, params={"origin": origin})
member = Membership.objects.select_related("team", "user").order_by("created_at").first()
now = timezone.now()
connection = Connection.objects.create(
    team=member.team, owner=member.user, integration=Integration.objects.get(slug="sandbox"), name="Upstream",
    oauth_app=Integration.objects.get(slug="sandbox").oauth_apps.get(), status_changed_at=now, created_at=now,
)
row = TokenSet(connection=connection, team=member.team, obtained_at=now, expires_at=now + timedelta(hours=1))
row.access_token, row.refresh_token = token, "refresh-token-of-the-connection"
row.client_key = connection.oauth_app.client_key
row.save(force_insert=True)
made = []
for scopes in (["connections:use"], ["connections:use", "connections:token"]):
    text = keys.generate()
    ApiKey.objects.create(
        team=member.team, user=member.user, kind="personal", name="e2e", prefix=text.prefix,
        secret_hash=keys.hash_secret(text.secret), scopes=scopes,
    )
    made.append(text.reveal())
answer = [str(connection.pk), *made]
"""
UPSTREAM_TOKEN = "first-token-that-is-never-shown"
