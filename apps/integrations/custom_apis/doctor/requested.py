"""Findings on the authorization request: scopes and their separator, PKCE. Pure."""

from collections.abc import Iterator

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations
from apps.integrations.custom_apis.doctor.offline import offline_findings

_SEPARATORS = {" ": "a space", ",": "a comma", ";": "a semicolon", "+": "a plus", "|": "a vertical bar"}


def request_findings(seen: Observations) -> Iterator[Finding]:
    """Empty for client credentials, which have no authorization request."""
    if seen.authentication.type != "oauth2":
        return
    yield from offline_findings(seen)
    yield from _separator(seen)
    yield from _unknown_scopes(seen)
    yield from _pkce(seen)


def _separator(seen: Observations) -> Iterator[Finding]:
    settings, page = seen.authentication, seen.authorization
    configured = _SEPARATORS.get(settings.scope_separator, settings.scope_separator)
    if joined := _joined(seen):
        name, separator = joined
        yield Finding(
            "wrong_separator", "fault", "Several scopes in one line",
            f"{name[:100]} looks like several scopes, joined by {_SEPARATORS[separator]}.",
            f"Enter one scope per line, and choose {_SEPARATORS[separator]} as separator if the service requires it.",
            "scope_separator",
        )  # fmt: skip
    elif page is not None and page.error == "invalid_scope":
        taken = next((sep for sep, other in seen.separators.items() if other.error != "invalid_scope"), None)
        if taken is None:
            yield Finding(
                "scopes_refused", "fault", "The scopes are rejected",
                f"{seen.name} responds with “invalid_scope” before the sign-in page.",
                "Compare the names of the scopes with the service’s documentation.", "scopes",
            )  # fmt: skip
            return
        yield Finding(
            "wrong_separator", "fault", "The scope separator is wrong",
            f"{seen.name} rejects the scopes joined by {configured}, and accepts them joined by {_SEPARATORS[taken]}.",
            f"Choose {_SEPARATORS[taken]} as scope separator and save.", "scope_separator",
        )  # fmt: skip
    elif settings.scope_separator != " " and seen.metadata is not None and len(settings.scopes) > 1:
        yield Finding(
            "unusual_separator", "advice", f"Scopes are joined by {configured}",
            "The issuer publishes standard metadata, and the standard separator is a space.",
            "Choose a space, unless the service’s documentation says otherwise.", "scope_separator",
        )  # fmt: skip


def _joined(seen: Observations) -> tuple[str, str] | None:
    """A line that holds several scopes, and their separator. A plus or bar may be part of a name, unless the issuer
    lists the parts."""
    known = set(seen.metadata.scopes_supported) if seen.metadata else set()
    for scope in seen.authentication.scopes:
        for separator in (",", ";", "+", "|"):
            parts = scope.name.split(separator)
            if len(parts) < 2 or scope.name in known or not all(parts):
                continue
            if known.issuperset(parts) or (not known and separator in ",;"):
                return scope.name, separator
    return None


def _unknown_scopes(seen: Observations) -> Iterator[Finding]:
    known = set(seen.metadata.scopes_supported) if seen.metadata else set()
    unknown = [scope.name for scope in seen.authentication.scopes if scope.name not in known]
    if known and unknown and not _joined(seen):
        yield Finding(
            "unknown_scopes", "advice", "The issuer does not list all of these scopes",
            f"Not listed: {', '.join(unknown[:5])[:200]}.",
            "Compare the names; not every issuer lists all its scopes.", "scopes",
        )  # fmt: skip


def _pkce(seen: Observations) -> Iterator[Finding]:
    methods = seen.metadata.code_challenge_methods_supported if seen.metadata else ()
    if not seen.authentication.pkce:
        offered = " The issuer supports it." if "S256" in methods else ""
        yield Finding(
            "no_pkce", "advice", "PKCE is off", f"It protects authorization codes from theft.{offered}",
            "Turn it on, unless the service rejects it.", "pkce",
        )  # fmt: skip
    elif "S256" in methods:
        yield Finding("pkce", "ok", "PKCE with S256", "Supported by the issuer and turned on.")
