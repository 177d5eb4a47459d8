"""Findings on offline access: what connections showed, else what is requested. Pure."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from apps.integrations.catalog.offline_access import OFFLINE_SCOPES, OfflineStep, requests_offline_access
from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.observations import FirstRefreshSeen, Observations
from apps.integrations.custom_apis.services.offline_access import offline_step

_ENDS = (
    (86_400, gettext_noop("Connections end in %(n)s days and cannot renew themselves")),
    (3_600, gettext_noop("Connections end in %(n)s hours and cannot renew themselves")),
    (60, gettext_noop("Connections end in %(n)s minutes and cannot renew themselves")),
)
_ENDS_SOON = gettext_noop("Connections end in %(n)s s and cannot renew themselves")
_FAILED = ("client_refused", "grant_refused", "request_refused", "malformed")


def offline_findings(seen: Observations) -> Iterator[Finding]:
    """What was observed comes before what is requested: a request alone shows nothing."""
    first_refresh = seen.first_refresh
    if first_refresh is not None and first_refresh.outcome == "worked":
        yield Finding(
            "lasting_access",
            "ok",
            gettext_noop("Connections renew themselves"),
            gettext_noop("The last connection was refreshed right after it was made."),
        )
    elif first_refresh is not None and first_refresh.outcome == "no_refresh_token":
        yield _cannot_renew(seen, first_refresh)
    elif first_refresh is not None and first_refresh.outcome in _FAILED:
        rejected = (
            gettext_noop("%(service)s issued a refresh token to the last connection and rejected it (“%(code)s”).")
            if first_refresh.code
            else gettext_noop("%(service)s issued a refresh token to the last connection and rejected it.")
        )
        yield Finding(
            "refresh_failed",
            "fault",
            gettext_noop("The first refresh failed"),
            rejected % {"service": seen.name, "code": first_refresh.code},
            gettext_noop("Open the trace of the connection: it has the request and the response."),
            "token_url",
        )
    else:
        yield _requested(seen)


def _cannot_renew(seen: Observations, first_refresh: FirstRefreshSeen) -> Finding:
    if first_refresh.lifetime is None:
        return Finding(
            "lasting_access",
            "ok",
            gettext_noop("Access tokens do not expire"),
            gettext_noop("%(service)s returned no refresh token and no expiry to the last connection.")
            % {"service": seen.name},
        )
    step = _step(seen)
    fix = (
        gettext_noop("Add %(step)s and reconnect.") % {"step": step.label}
        if step
        else gettext_noop("Ask the service how its refresh tokens are requested.")
    )
    return Finding(
        "cannot_renew",
        "fault",
        _end(first_refresh.lifetime),
        gettext_noop("%(service)s returned no refresh token to the last connection.") % {"service": seen.name},
        fix,
        "scopes",
        offer=str(step or ""),
    )


def _requested(seen: Observations) -> Finding:
    settings, metadata = seen.authentication, seen.metadata
    names = [scope.name for scope in settings.scopes]
    if requests_offline_access(names, settings.authorization_params):
        return Finding(
            "lasting_access",
            "ok",
            gettext_noop("Offline access is requested"),
            gettext_noop("The first connection shows whether a refresh token is issued."),
        )
    offered = sorted(OFFLINE_SCOPES.intersection(metadata.scopes_supported)) if metadata else []
    if offered:
        return Finding(
            "no_lasting_access",
            "fault",
            gettext_noop("Offline access is not requested"),
            gettext_noop(
                "The issuer offers the scope %(scope)s. Without it no refresh token is issued, and "
                "connections expire with their first access token."
            )
            % {"scope": offered[0]},
            gettext_noop("Add %(scope)s to the scopes and save.") % {"scope": offered[0]},
            "scopes",
            offer=_offer(seen, offered[0]),
        )
    return Finding(
        "no_lasting_access",
        "advice",
        gettext_noop("Offline access is not requested"),
        gettext_noop(
            "Many services issue a refresh token only for a scope such as offline_access or the "
            "parameter access_type=offline; some always issue one."
        ),
        gettext_noop(
            "See the service’s documentation, or connect once: the connection shows whether it can be refreshed."
        ),
        "scopes",
    )


def _offer(seen: Observations, scope: str) -> str:
    """The scope, if it is what would be added."""
    return scope if str(_step(seen)) == scope else ""


def _step(seen: Observations) -> OfflineStep | None:
    return offline_step(seen.authentication)


def _end(seconds: int) -> str:
    for size, sentence in _ENDS:
        if seconds >= 2 * size:
            return sentence % {"n": seconds // size}
    return _ENDS_SOON % {"n": seconds}
