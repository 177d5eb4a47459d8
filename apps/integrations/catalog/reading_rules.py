"""The rules of a catalog entry about reading responses: paths and signs of an ended token."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from apps.integrations.catalog.errors import SchemaError
from apps.integrations.catalog.schema import CatalogEntry
from apps.oauth.paths import is_path


def check_reading(entry: CatalogEntry) -> None:
    """Raises SchemaError for the first path or sign that cannot be used."""
    _check_ended_token(entry)
    _check_paths(entry)


def _check_ended_token(entry: CatalogEntry) -> None:
    for number, sign in enumerate(entry.api.ended_token):
        if not (sign.statuses or sign.path):
            raise SchemaError(f"api.ended_token[{number}]", gettext_noop("needs statuses or a path"))


def _check_paths(entry: CatalogEntry) -> None:
    """Every path can be followed. An empty one is the whole response, or says that there is none."""
    for key, path in _paths(entry):
        if path and not is_path(path):
            raise SchemaError(key, gettext_noop("must be a path such as data.user.id, with [0] for list items"))


def _paths(entry: CatalogEntry) -> Iterator[tuple[str, str | None]]:
    tables = ("oauth2", "client_credentials", "account", "answer_account", "placement", "verification")
    for name in tables:
        table = getattr(entry, name)
        for key, value in vars(table).items() if table else ():
            if key.endswith("_path"):
                yield f"{name}.{key}", value
    grants = {"oauth2": entry.oauth2, "client_credentials": entry.client_credentials}
    for name, grant in grants.items():
        for number, rule in enumerate(grant.error_rules if grant else ()):
            yield f"{name}.error_rules[{number}].path", rule.path
    for number, sign in enumerate(entry.api.ended_token):
        yield f"api.ended_token[{number}].path", sign.path
