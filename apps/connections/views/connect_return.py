"""Where a connect session leads afterwards: its `return_url`, with the result as query parameters."""

from urllib.parse import urlencode

from django.utils import timezone

from apps.connections.models import ConnectSession
from apps.connections.services.session_outcome import outcome_of


def return_context(session: ConnectSession | None) -> dict[str, str]:
    """For templates: `return_url` with the result, and `return_to`, its origin; both empty without a `return_url`."""
    if session is None or not session.return_url:
        return {"return_url": "", "return_to": ""}
    outcome = outcome_of(session, now=timezone.now())
    result = {"connect_session": str(session.pk), "status": str(outcome.status)}
    if outcome.code:
        result["code"] = outcome.code
    if session.connection_id and outcome.status in (
        ConnectSession.Status.CONNECTED,
        ConnectSession.Status.CONNECTED_PERSONAL,
    ):
        result["connection"] = str(session.connection_id)
    url = session.return_url
    # The origin is what a person can judge; paths are ours.
    return_to = "Specway" if url.startswith("/") else "/".join(url.split("/")[:3])
    return {"return_url": with_parameters(url, **result), "return_to": return_to}


def with_parameters(url: str, **parameters: str) -> str:
    """The URL, of one of our pages or another site's, with these parameters added to its query."""
    base, mark, fragment = url.partition("#")
    return f"{base}{'&' if '?' in base else '?'}{urlencode(parameters)}{mark}{fragment}"
