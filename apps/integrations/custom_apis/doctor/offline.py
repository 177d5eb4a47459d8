"""Findings on offline access: what connections showed, else what is requested. Pure."""

from collections.abc import Iterator

from apps.integrations.catalog.offline_access import OFFLINE_SCOPES, OfflineStep, requests_offline_access
from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import FirstRefreshSeen, Observations
from apps.integrations.custom_apis.services.offline_access import offline_step

_FAILED = ("client_refused", "grant_refused", "request_refused", "malformed")


def offline_findings(seen: Observations) -> Iterator[Finding]:
    """What was observed comes before what is requested: a request alone shows nothing."""
    first_refresh = seen.first_refresh
    if first_refresh is not None and first_refresh.outcome == "worked":
        yield Finding(
            "lasting_access", "ok", "Connections renew themselves",
            "The last connection was refreshed right after it was made.",
        )  # fmt: skip
    elif first_refresh is not None and first_refresh.outcome == "no_refresh_token":
        yield _cannot_renew(seen, first_refresh)
    elif first_refresh is not None and first_refresh.outcome in _FAILED:
        code = f" (“{first_refresh.code}”)" if first_refresh.code else ""
        yield Finding(
            "refresh_failed", "fault", "The first refresh failed",
            f"{seen.name} issued a refresh token to the last connection and rejected it{code}.",
            "Open the trace of the connection: it has the request and the response.", "token_url",
        )  # fmt: skip
    else:
        yield _requested(seen)


def _cannot_renew(seen: Observations, first_refresh: FirstRefreshSeen) -> Finding:
    if first_refresh.lifetime is None:
        return Finding(
            "lasting_access", "ok", "Access tokens do not expire",
            f"{seen.name} returned no refresh token and no expiry to the last connection.",
        )  # fmt: skip
    step = _step(seen)
    fix = f"Add {step.label} and reconnect." if step else "Ask the service how its refresh tokens are requested."
    return Finding(
        "cannot_renew", "fault", f"Connections end in {_duration(first_refresh.lifetime)} and cannot renew themselves",
        f"{seen.name} returned no refresh token to the last connection.", fix, "scopes", offer=str(step or ""),
    )  # fmt: skip


def _requested(seen: Observations) -> Finding:
    settings, metadata = seen.authentication, seen.metadata
    names = [scope.name for scope in settings.scopes]
    if requests_offline_access(names, settings.authorization_params):
        return Finding(
            "lasting_access", "ok", "Offline access is requested",
            "The first connection shows whether a refresh token is issued.",
        )  # fmt: skip
    offered = sorted(OFFLINE_SCOPES.intersection(metadata.scopes_supported)) if metadata else []
    if offered:
        return Finding(
            "no_lasting_access", "fault", "Offline access is not requested",
            f"The issuer offers the scope {offered[0]}. Without it no refresh token is issued, and connections expire "
            "with their first access token.",
            f"Add {offered[0]} to the scopes and save.", "scopes", offer=_offer(seen, offered[0]),
        )  # fmt: skip
    return Finding(
        "no_lasting_access", "advice", "Offline access is not requested",
        "Many services issue a refresh token only for a scope such as offline_access or the parameter "
        "access_type=offline; some always issue one.",
        "See the service’s documentation, or connect once: the connection shows whether it can be refreshed.", "scopes",
    )  # fmt: skip


def _offer(seen: Observations, scope: str) -> str:
    """The scope, if it is what would be added."""
    return scope if str(_step(seen)) == scope else ""


def _step(seen: Observations) -> OfflineStep | None:
    return offline_step(seen.authentication)


def _duration(seconds: int) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
