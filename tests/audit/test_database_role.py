"""On PostgreSQL, migrations run as the owner of the tables, and the product's role cannot touch the audit log."""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests import forked
from tests.services import POSTGRESQL, own_postgresql_database

pytestmark = [pytest.mark.needs_postgresql, pytest.mark.xdist_group("database_role")]


@dataclass
class Database:
    """A database with an owner of its tables and a role for the product."""

    url: str
    owner: str
    product: str
    password: str
    env: dict[str, str]

    def url_of(self, role: str) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=f"{role}:{self.password}@{parts.hostname}:{parts.port or 5432}"))

    def manage(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return forked.run([sys.executable, "manage.py", *arguments], env=self.env | env)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    owner, product, password = (f"{kind}_{secrets.token_hex(6)}" for kind in ("owner", "product", "password"))
    with own_postgresql_database() as url:
        made = Database(url, owner, product, password, {})
        made.env = {
            "PATH": os.environ["PATH"],
            "ENV_FILE": "/dev/null",
            "VAR_DIR": str(tmp_path_factory.mktemp("var")),
            "DATABASE_URL": made.url_of(product),
            "MIGRATION_DATABASE_URL": made.url_of(owner),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "FINGERPRINT_KEY": secrets.token_urlsafe(48),
            "VAULT_KEYS": "test:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        with psycopg.connect(url, autocommit=True) as admin:
            for role in (owner, product):
                create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                admin.execute(create.format(sql.Identifier(role), sql.Literal(password)))
            admin.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(owner)))
        done = made.manage("release")
        assert done.returncode == 0, done.stdout + done.stderr
        yield made
    with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
        for role in (owner, product):
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_the_product_works_with_its_role(database: Database) -> None:
    script = "from config.quickstart.people import create_demo_team; print(len(create_demo_team()))"
    done = database.manage("shell", "-v", "0", "-c", script)
    assert done.stdout.strip() == "2", done.stderr
    with psycopg.connect(database.url_of(database.product)) as connection:
        row = connection.execute("SELECT count(*) FROM audit_auditevent").fetchone()
        assert row is not None
        assert row[0] > 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET outcome = 'failure'",
        "DELETE FROM audit_auditevent",
        "TRUNCATE audit_auditevent",
        "ALTER TABLE audit_auditevent DISABLE TRIGGER ALL",
        "DROP TABLE audit_auditevent",
        "ALTER TABLE audit_auditevent ADD COLUMN x integer",
        "DELETE FROM django_migrations",
        "CREATE TABLE mine (x integer)",
    ],
)
def test_the_products_role_cannot_change_the_audit_log_or_the_tables(statement: str, database: Database) -> None:
    with (
        psycopg.connect(database.url_of(database.product)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_a_release_can_be_repeated(database: Database) -> None:
    done = database.manage("release")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_role_without_these_rights_passes_the_check(database: Database) -> None:
    done = database.manage("check", "--database", "default", "--fail-level", "WARNING")
    assert (done.returncode, "audit.W001" in done.stderr) == (0, False), done.stderr


def test_a_role_that_is_too_strong_is_reported(database: Database) -> None:
    owner = {"DATABASE_URL": database.url_of(database.owner)}
    done = database.manage("check", "--database", "default", "--fail-level", "WARNING", **owner)
    assert done.returncode == 1
    assert "owns the audit log, may change or delete audit events, may create tables" in done.stderr
