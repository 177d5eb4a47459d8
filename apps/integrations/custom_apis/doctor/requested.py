"""What is asked for: lasting access, and how scopes are named and joined. Pure."""

from collections.abc import Iterator

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import Observations

# Scopes and parameters by which services give refresh tokens.
LASTING_SCOPES = frozenset({"offline_access", "offline.access", "offline", "refresh_token"})
LASTING_PARAMS = {"access_type": "offline", "token_access_type": "offline", "duration": "permanent"}
_SEPARATORS = {" ": "a blank", ",": "a comma", ";": "a semicolon", "+": "a plus", "|": "a bar"}


def asking_findings(seen: Observations) -> Iterator[Finding]:
    """About the authorization request; nothing for a client that signs in for itself."""
    if seen.authentication.type != "oauth2":
        return
    yield from _lasting(seen)
    yield from _separator(seen)
    yield from _unknown_scopes(seen)
    yield from _pkce(seen)


def _lasting(seen: Observations) -> Iterator[Finding]:
    entered, metadata = seen.authentication, seen.metadata
    params = entered.authorization_params
    asked = any(scope.name in LASTING_SCOPES for scope in entered.scopes)
    asked = asked or any(params.get(name) == value for name, value in LASTING_PARAMS.items())
    if asked:
        yield Finding("lasting_access", "ok", "Lasting access is asked for", "Connections can renew themselves.")
        return
    offered = sorted(LASTING_SCOPES.intersection(metadata.scopes_supported)) if metadata else []
    if offered:
        yield Finding(
            "no_lasting_access", "fault", "Lasting access is not asked for",
            f"The issuer offers the scope {offered[0]}. Without it no refresh token comes, and connections end with "
            "their first token.",
            f"Add {offered[0]} to the scopes and save.", "scopes",
        )  # fmt: skip
        return
    yield Finding(
        "no_lasting_access", "advice", "No lasting access is asked for",
        "Many services give a refresh token only for a scope such as offline_access or the parameter "
        "access_type=offline; some give one always.",
        "Look it up in the service’s documentation, or connect once: the first refresh tells.", "scopes",
    )  # fmt: skip


def _separator(seen: Observations) -> Iterator[Finding]:
    entered, page = seen.authentication, seen.authorization
    mine = _SEPARATORS.get(entered.scope_separator, entered.scope_separator)
    if joined := _joined(seen):
        name, separator = joined
        yield Finding(
            "wrong_separator", "fault", "Two scopes stand in one line",
            f"{name[:100]} looks like several scopes, joined by {_SEPARATORS[separator]}.",
            f"Enter one scope per line, and choose {_SEPARATORS[separator]} as separator if the service wants it.",
            "scope_separator",
        )  # fmt: skip
    elif page is not None and page.error == "invalid_scope":
        taken = next((sep for sep, other in seen.separators.items() if other.error != "invalid_scope"), None)
        if taken is None:
            yield Finding(
                "scopes_refused", "fault", "The scopes are refused",
                f"{seen.name} answers “invalid_scope” before anybody signs in.",
                "Compare the names of the scopes with the service’s documentation.", "scopes",
            )  # fmt: skip
            return
        yield Finding(
            "wrong_separator", "fault", "The scope separator is wrong",
            f"{seen.name} refuses the scopes joined by {mine}, and takes the same ones joined by {_SEPARATORS[taken]}.",
            f"Choose {_SEPARATORS[taken]} as scope separator and save.", "scope_separator",
        )  # fmt: skip
    elif entered.scope_separator != " " and seen.metadata is not None and len(entered.scopes) > 1:
        yield Finding(
            "unusual_separator", "advice", f"Scopes are joined by {mine}",
            "The issuer publishes metadata as the standards say, and these join scopes by a blank.",
            "Choose a blank, unless the service’s documentation says otherwise.", "scope_separator",
        )  # fmt: skip


def _joined(seen: Observations) -> tuple[str, str] | None:
    """A scope whose name is several, and what joins them. A plus or bar may belong to a name, unless the parts are
    known to the issuer."""
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
            f"Not listed: {', '.join(unknown[:5])[:200]}.", "Compare the names; not every issuer lists all.", "scopes",
        )  # fmt: skip


def _pkce(seen: Observations) -> Iterator[Finding]:
    methods = seen.metadata.code_challenge_methods_supported if seen.metadata else ()
    if not seen.authentication.pkce:
        offered = " The issuer offers it." if "S256" in methods else ""
        yield Finding(
            "no_pkce", "advice", "PKCE is off", f"It keeps codes from thieves.{offered}",
            "Switch it on, unless the service refuses it.", "pkce",
        )  # fmt: skip
    elif "S256" in methods:
        yield Finding("pkce", "ok", "PKCE with S256", "Offered by the issuer and switched on.")
