"""Running migrations, as the owner of the tables where MIGRATION_DATABASE_URL names one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from apps.audit.database_role import grant_product_role

_WHO_AND_WHERE = ("NAME", "USER", "PASSWORD", "HOST", "PORT")


def migrate(*, verbosity: int = 1) -> None:
    """Run the migrations. With an owner of the tables, grant the product's role what it needs afterwards."""
    owner = settings.MIGRATION_DATABASE
    if owner is None or connection.vendor != "postgresql":
        call_command("migrate", verbosity=verbosity, interactive=False)
        return
    product_role = connection.settings_dict["USER"]
    with _as_owner(owner):
        call_command("migrate", verbosity=verbosity, interactive=False)
        grant_product_role(product_role)


@contextmanager
def _as_owner(owner: Mapping[str, Any]) -> Iterator[None]:
    before = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update({name: owner.get(name, "") for name in _WHO_AND_WHERE}, IS_MIGRATION_ROLE=True)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.clear()
        connection.settings_dict.update(before)
