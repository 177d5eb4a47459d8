"""What a person sends to connect a service: the permissions to ask for and the values of its parameters."""

from collections.abc import Mapping, Sequence

from django.http import QueryDict

from apps.integrations.catalogue_schema import CatalogueEntry
from apps.integrations.errors import InvalidInput
from apps.integrations.placeholders import problems

_PARAM = "param."


def parse_connect_request(entry: CatalogueEntry, data: QueryDict) -> tuple[list[str], dict[str, str]]:
    """`(scopes, params)` of a sent connect form: fields `scopes` and `param.<name>`. Raises InvalidInput."""
    params = {name.removeprefix(_PARAM): data.get(name, "") for name in data if name.startswith(_PARAM)}
    return check_connect_request(entry, scopes=data.getlist("scopes"), params=params)


def check_connect_request(
    entry: CatalogueEntry, *, scopes: Sequence[str], params: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """`(scopes, params)` as the service takes them: scopes in the catalogue's order and once, defaults filled in.

    Raises InvalidInput for a permission or parameter that the service does not have, for no permission at all where
    there are some to choose from, and for values that do not fit their pattern; it names every one.
    """
    wanted = entry.params_from("user")
    given = {name: value.strip() for name, value in params.items()}
    wrong = [(_PARAM + name, sentence) for name, sentence in problems(entry.name, wanted, given)]
    errors = _scope_errors(entry, scopes) + wrong
    if errors:
        raise InvalidInput(errors)
    values = {param.name: given.get(param.name) or param.default for param in wanted}
    return [scope.name for scope in entry.scopes if scope.name in scopes], values


def _scope_errors(entry: CatalogueEntry, scopes: Sequence[str]) -> list[tuple[str, str]]:
    listed = {scope.name for scope in entry.scopes}
    unknown = [scope for scope in scopes if scope not in listed]
    if unknown:
        return [("scopes", f"{entry.name} has no permission called {unknown[0][:100]}.")]
    if entry.default_scopes and not scopes:
        return [("scopes", f"Tick at least one permission: {entry.name} gives access only to what it is asked for.")]
    return []
