"""Secrets that a test run used, and the search for them in everything that it left behind."""

import base64
import html
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from tests.e2e.cast import Shown
from tests.e2e.conftest import Stage

REVEAL = """
import json
from apps.connections.models import AuthorizationAttempt, TokenSet
answer = {}
for row in TokenSet.objects.filter(connection__in=connections):
    for name in ("access_token", "refresh_token", "kept_secrets"):
        if getattr(row, name):
            answer[f"{name} {row.connection_id} version {row.version}"] = getattr(row, name).reveal()
for row in AuthorizationAttempt.objects.filter(code_verifier__isnull=False):
    answer[f"PKCE verifier {row.pk}"] = row.code_verifier.reveal()
for row in AuthorizationAttempt.objects.filter(pending_tokens__isnull=False):
    tokens = json.loads(json.loads(row.pending_tokens.reveal())["response"])
    answer |= {f"pending {name} {row.pk}": tokens[name] for name in ("access_token", "refresh_token") if tokens[name]}
"""
# What people and programs get by other ways than pages: dumpdata, the audit log, sessions as the server reads them,
# and on PostgreSQL (whose files are the server's own) all rows of all tables.
DUMP = """
import io, json
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection as database
from apps.audit.models import AuditEvent
dump = io.StringIO()
call_command("dumpdata", exclude=["sessions"], stdout=dump)
answer = {
    "dumpdata": dump.getvalue(),
    "audit log": "\\n".join(json.dumps(row, default=str) for row in AuditEvent.objects.values()),
    "sessions": "\\n".join(json.dumps(session.get_decoded(), default=str) for session in Session.objects.all()),
}
with database.cursor() as cursor:
    for table in database.introspection.table_names():
        cursor.execute(f'SELECT * FROM "{table}"')
        rows = [[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cursor.fetchall()]
        answer[f"table {table}"] = "\\n".join(map(repr, rows))
"""


@dataclass
class Canaries:
    """The secrets by name. A number in the name distinguishes several of a kind."""

    values: dict[str, str] = field(default_factory=dict, repr=False)

    def add(self, name: str, value: str) -> None:
        if value not in self.values.values():
            self.values[f"{name} #{len(self.values)}"] = value

    def learn(self, stage: Stage, connections: Iterable[str]) -> None:
        """The tokens that the product holds just now, and the PKCE verifiers of pending authorization requests."""
        for name, value in stage.inside.run(REVEAL, connections=list(connections)).items():
            self.add(name, value)

    def found(self, places: Iterable[Shown]) -> list[str]:
        """Which secret is where it must not be."""
        forms = [(name, form) for name, value in self.values.items() for form in disguises(value)]
        found = set()
        for place in places:
            for name, form in forms:
                if form in place.content and name.partition(" #")[0] not in place.meant:
                    found.add(f"{name} in {place.place}")
        return sorted(found)


def disguises(value: str) -> set[bytes]:
    """The secret as it may stand in a log, a page, a task or a column: plain, quoted, in hexadecimal, in base64."""
    raw = value.encode()
    forms = {raw, quote(value, safe="").encode(), html.escape(value).encode(), raw.hex().encode()}
    forms |= {json.dumps(value)[1:-1].encode(), repr(value)[1:-1].encode()}
    for shift in range(3):
        # Somewhere within a longer text: only the characters that the neighbors have no part in.
        encoded = base64.b64encode(b"\0" * shift + raw)
        whole = encoded[(0, 2, 3)[shift] : len(encoded) - 4]
        forms |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


def left_behind(stage: Stage) -> Iterator[Shown]:
    """Every log, every file of the product and of its sandbox, Redis, and the database as rows and as a dump."""
    product = stage.product
    folder = product.var.parent
    for path in sorted([*folder.rglob("*.log"), *product.var.rglob("*"), *(folder / "sandbox").rglob("*")]):
        name = str(path.relative_to(folder))
        # What is taken from the queue or thrown out of the cache in this moment was looked at in its place.
        with suppress(FileNotFoundError, IsADirectoryError):
            yield Shown(f"file {name}", _bytes_of(path), meant_in(name))
    for place, text in stage.inside.run(DUMP).items():
        yield Shown(place, text.encode(), meant_in(place))
    if stage.redis is not None:
        for key, content in stage.redis.contents():
            yield Shown(f"Redis {key}", content, frozenset())


def meant_in(place: str) -> frozenset[str]:
    """What a place is there to hold.

    A mail carries the links that it was sent for. A session keeps the key of a password reset while its form is open
    (django-allauth, so that the key leaves the URL), encrypted in the database. The service that issues codes keeps
    them for the minute in which they are valid.
    """
    if place.startswith("var/mail/"):
        return frozenset({"reset key", "confirmation key", "invitation token"})
    if place.startswith("sandbox/sandbox.sqlite3"):
        return frozenset({"code"})
    return frozenset({"reset key"} if place == "sessions" else ())


def _bytes_of(path: Path) -> bytes:
    """A file's content, and what a reader makes of it: mails without the line breaks of their encoding, and entries of
    Django's cache in folders without the compression."""
    content = path.read_bytes()
    if path.suffix == ".djcache":
        start = content.find(b"x\x9c")
        return content + zlib.decompress(content[start:])
    return content + b"\n" + content.replace(b"=\n", b"")
