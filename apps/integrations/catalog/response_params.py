"""Values of a connection's placeholders that the service says: in its redirect, its token answer, or afterwards."""

from collections.abc import Iterable, Mapping
from typing import Any

from apps.integrations.catalog.placeholders import UnsafeValue, found_values
from apps.integrations.catalog.schema import CatalogEntry, Param
from apps.integrations.errors import IntegrationMisconfigured


def in_callback(entry: CatalogEntry, parameters: Mapping[str, str]) -> dict[str, str]:
    """What the redirect says, with what wins over the person's own entries. Raises IntegrationMisconfigured."""
    declared = entry.params_from("callback")
    said = {param.name: parameters.get(param.field or param.name) for param in declared}
    wins = [param for param in entry.params if param.callback_field]
    said |= {param.name: parameters.get(param.callback_field) for param in wins}
    return _fitting(entry, [*declared, *wins], said)


def in_answer(entry: CatalogEntry, kept: Mapping[str, Any]) -> dict[str, str]:
    """What the token answer says; `kept` are its values by path. Raises IntegrationMisconfigured."""
    declared = entry.params_from("token_response")
    return _fitting(entry, declared, {param.name: kept.get(param.field or param.name) for param in declared})


def in_placement(entry: CatalogEntry, values: Mapping[str, str]) -> dict[str, str]:
    """What the call after connecting says. Raises IntegrationMisconfigured."""
    return _fitting(entry, entry.params_from("post_connect"), values)


def _fitting(entry: CatalogEntry, params: Iterable[Param], said: Mapping[str, Any]) -> dict[str, str]:
    try:
        return found_values(entry.name, params, said)
    except UnsafeValue as unsafe:
        raise IntegrationMisconfigured(str(unsafe)) from None
