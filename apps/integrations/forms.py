"""What a person sends to connect a service: the permissions to ask for and the values of its parameters."""

from collections.abc import Mapping, Sequence

from django.http import QueryDict

from apps.integrations.catalog.placeholders import problems
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.errors import InvalidInput
from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.offered_scopes import Offer, offer_of

_PARAM = "param."


def parse_connect_request(
    entry: CatalogEntry, data: QueryDict, *, oauth_app: OAuthApp | None = None
) -> tuple[list[str], dict[str, str]]:
    """`(scopes, params)` of a sent connect form: fields `scopes`, `other_scopes` (names between blanks or the service's
    separator) and `param.<name>`. Raises InvalidInput."""
    params = {name.removeprefix(_PARAM): data.get(name, "") for name in data if name.startswith(_PARAM)}
    separator = entry.oauth2.scope_separator if entry.oauth2 else " "
    others = data.get("other_scopes", "").replace(separator, " ").split()
    return check_connect_request(
        entry, scopes=data.getlist("scopes"), others=others, params=params, oauth_app=oauth_app
    )


def check_connect_request(
    entry: CatalogEntry,
    *,
    scopes: Sequence[str],
    params: Mapping[str, str],
    others: Sequence[str] = (),
    oauth_app: OAuthApp | None = None,
) -> tuple[list[str], dict[str, str]]:
    """`(scopes, params)` as the service takes them: scopes in the catalog's order and once, defaults filled in.

    `scopes` are on offer through the OAuth app; `others` were named by somebody who knows the service, and follow.
    Raises InvalidInput for a permission or parameter that the service does not have, for no permission at all where
    there are some to choose from, and for values that do not fit their pattern; it names every one.
    """
    offer, wanted = offer_of(entry, oauth_app), entry.params_from("user")
    given = {name: value.strip() for name, value in params.items()}
    wrong = [(_PARAM + name, sentence) for name, sentence in problems(entry.name, wanted, given)]
    errors = _scope_errors(entry, offer, scopes, others) + wrong
    if errors:
        raise InvalidInput(errors)
    values = {param.name: given.get(param.name) or param.default for param in wanted}
    chosen = {*scopes, *others}
    ordered = [scope.name for scope in offer.scopes if scope.name in chosen]
    return list(dict.fromkeys([*ordered, *others])), values


def _scope_errors(
    entry: CatalogEntry, offer: Offer, scopes: Sequence[str], others: Sequence[str]
) -> list[tuple[str, str]]:
    unknown = [scope for scope in scopes if scope not in offer.names]
    if unknown:
        is_listed = any(scope.name == unknown[0] for scope in entry.scopes)
        refused = f"The OAuth app of {entry.name} may not ask for {unknown[0][:100]}."
        return [("scopes", refused if is_listed else f"{entry.name} has no permission called {unknown[0][:100]}.")]
    if sentence := offer.refusal(others):
        return [("other_scopes", sentence)]
    if entry.default_scopes and not scopes and not others:
        return [("scopes", f"Tick at least one permission: {entry.name} gives access only to what it is asked for.")]
    return []
