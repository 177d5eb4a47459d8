"""Parsing and validation of a connect request: the scopes to request and the values of the parameters."""

from collections.abc import Mapping, Sequence

from django.http import QueryDict
from django.utils.translation import gettext

from apps.integrations.catalog.placeholders import problems
from apps.integrations.catalog.schema import CatalogEntry
from apps.integrations.errors import InvalidInput
from apps.integrations.models import OAuthApp
from apps.integrations.oauth_apps.offered_scopes import Offer, offer_of

_PARAM = "param."


def parse_connect_request(
    entry: CatalogEntry, data: QueryDict, *, oauth_app: OAuthApp | None = None
) -> tuple[list[str], dict[str, str]]:
    """`(scopes, params)` of a submitted connect form: fields `scopes`, `other_scopes` (names separated by spaces or the
    service's separator) and `param.<name>`. Raises InvalidInput."""
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
    """`(scopes, params)` to request: scopes in the order of the catalog and without repetition, defaults filled in.

    `scopes` must be offered through the OAuth app; `others` are further scope names that a person entered.
    Raises InvalidInput, with one error per problem, for unknown scopes or parameters, for no scope where some are
    offered, and for values that do not match their pattern.
    """
    offer, wanted = offer_of(entry, oauth_app), entry.params_from("user")
    entered = {name: value.strip() for name, value in params.items()}
    errors = _scope_errors(entry, offer, scopes, others)
    errors += [(_PARAM + name, message) for name, message in problems(entry.name, wanted, entered)]
    if errors:
        raise InvalidInput(errors)
    values = {param.name: entered.get(param.name) or param.default for param in wanted}
    chosen = {*scopes, *others}
    ordered = [scope.name for scope in offer.scopes if scope.name in chosen]
    return list(dict.fromkeys([*ordered, *others])), values


def _scope_errors(
    entry: CatalogEntry, offer: Offer, scopes: Sequence[str], others: Sequence[str]
) -> list[tuple[str, str]]:
    unknown = [scope for scope in scopes if scope not in offer.names]
    if unknown:
        is_listed = any(scope.name == unknown[0] for scope in entry.scopes)
        not_allowed = gettext("The OAuth app of %(service)s may not request %(unknown)s.") % {
            "service": entry.name,
            "unknown": unknown[0][:100],
        }
        return [
            (
                "scopes",
                not_allowed
                if is_listed
                else gettext("%(service)s has no permission called %(unknown)s.")
                % {"service": entry.name, "unknown": unknown[0][:100]},
            )
        ]
    if message := offer.refusal(others):
        return [("other_scopes", message)]
    if entry.default_scopes and not scopes and not others:
        return [
            (
                "scopes",
                gettext("Select at least one permission: %(service)s grants only what is requested.")
                % {"service": entry.name},
            )
        ]
    return []
