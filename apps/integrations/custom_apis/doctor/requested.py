"""Findings on the authorization request: scopes and their separator, PKCE. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations
from apps.integrations.custom_apis.doctor.offline import offline_findings

_SEPARATORS = {
    " ": gettext_noop("a space"),
    ",": gettext_noop("a comma"),
    ";": gettext_noop("a semicolon"),
    "+": gettext_noop("a plus"),
    "|": gettext_noop("a vertical bar"),
}
_PKCE_OFFERED = gettext_noop("The issuer supports it.")


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
            "wrong_separator",
            "fault",
            gettext_noop("Several scopes in one line"),
            gettext_noop("%(name)s looks like several scopes, joined by %(separator)s.")
            % {"name": name[:100], "separator": _SEPARATORS[separator]},
            gettext_noop("Enter one scope per line, and choose %(separator)s as separator if the service requires it.")
            % {"separator": _SEPARATORS[separator]},
            "scope_separator",
        )
    elif page is not None and page.error == "invalid_scope":
        yield _refused(seen, configured)
    elif settings.scope_separator != " " and seen.metadata is not None and len(settings.scopes) > 1:
        yield Finding(
            "unusual_separator",
            "advice",
            gettext_noop("Scopes are joined by %(configured)s") % {"configured": configured},
            gettext_noop("The issuer publishes standard metadata, and the standard separator is a space."),
            gettext_noop("Choose a space, unless the service’s documentation says otherwise."),
            "scope_separator",
        )


def _refused(seen: Observations, configured: str) -> Finding:
    taken = next((sep for sep, other in seen.separators.items() if other.error != "invalid_scope"), None)
    if taken is None:
        return Finding(
            "scopes_refused",
            "fault",
            gettext_noop("The scopes are rejected"),
            gettext_noop("%(service)s responds with “invalid_scope” before the sign-in page.") % {"service": seen.name},
            gettext_noop("Compare the names of the scopes with the service’s documentation."),
            "scopes",
        )
    return Finding(
        "wrong_separator",
        "fault",
        gettext_noop("The scope separator is wrong"),
        gettext_noop(
            "%(service)s rejects the scopes joined by %(configured)s, and accepts them joined by %(accepted)s."
        )
        % {"service": seen.name, "configured": configured, "accepted": _SEPARATORS[taken]},
        gettext_noop("Choose %(separator)s as scope separator and save.") % {"separator": _SEPARATORS[taken]},
        "scope_separator",
    )


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
            "unknown_scopes",
            "advice",
            gettext_noop("The issuer does not list all of these scopes"),
            gettext_noop("Not listed: %(names)s.") % {"names": ", ".join(unknown[:5])[:200]},
            gettext_noop("Compare the names; not every issuer lists all its scopes."),
            "scopes",
        )


def _pkce(seen: Observations) -> Iterator[Finding]:
    methods = seen.metadata.code_challenge_methods_supported if seen.metadata else ()
    if not seen.authentication.pkce:
        detail = gettext_noop("It protects authorization codes from theft.")
        if "S256" in methods:
            detail = f"{detail} {_PKCE_OFFERED}"
        yield Finding(
            "no_pkce",
            "advice",
            gettext_noop("PKCE is off"),
            detail,
            gettext_noop("Turn it on, unless the service rejects it."),
            "pkce",
        )
    elif "S256" in methods:
        yield Finding(
            "pkce", "ok", gettext_noop("PKCE with S256"), gettext_noop("Supported by the issuer and turned on.")
        )
