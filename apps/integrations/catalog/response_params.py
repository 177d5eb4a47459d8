"""Connection parameters that the service returns: in the redirect, in the token response, or after connecting."""

from collections.abc import Iterable, Mapping
from typing import Any

from apps.integrations.catalog.placeholders import UnsafeValue, response_values
from apps.integrations.catalog.schema import CatalogEntry, Param
from apps.integrations.errors import IntegrationMisconfigured


def from_callback(entry: CatalogEntry, parameters: Mapping[str, str]) -> dict[str, str]:
    """Those of the redirect, including the ones that override what the person typed. Raises
    IntegrationMisconfigured."""
    declared = entry.params_from("callback")
    values = {param.name: parameters.get(param.field or param.name) for param in declared}
    overriding = [param for param in entry.params if param.callback_field]
    values |= {param.name: parameters.get(param.callback_field) for param in overriding}
    return _validated(entry, [*declared, *overriding], values)


def from_token_response(entry: CatalogEntry, kept: Mapping[str, Any]) -> dict[str, str]:
    """Those of the token response; `kept` holds its values by path. Raises IntegrationMisconfigured."""
    declared = entry.params_from("token_response")
    return _validated(entry, declared, {param.name: kept.get(param.field or param.name) for param in declared})


def from_placement(entry: CatalogEntry, values: Mapping[str, str]) -> dict[str, str]:
    """Those of the call after connecting. Raises IntegrationMisconfigured."""
    return _validated(entry, entry.params_from("post_connect"), values)


def account_subject(entry: CatalogEntry, params: Mapping[str, str]) -> str:
    """The stable account ID that is a parameter of the connection; "" where none is declared or known."""
    return params.get(entry.identity.subject_param, "") if entry.identity.subject_param else ""


def _validated(entry: CatalogEntry, params: Iterable[Param], values: Mapping[str, Any]) -> dict[str, str]:
    try:
        return response_values(entry.name, params, values)
    except UnsafeValue as unsafe:
        raise IntegrationMisconfigured(str(unsafe)) from None
