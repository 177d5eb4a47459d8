"""What a response without a token means: a refusal by its code, a fault of the server, or nothing that OAuth knows."""

from collections.abc import Mapping

from apps.oauth.documents import Body
from apps.oauth.errors import MalformedResponse, OAuthError, ProviderFault, safe_code, token_error
from apps.oauth.expiry import retry_after
from apps.oauth.provider import ProviderConfig, passes

# RFC 6749 4.1.2.1 defines two codes in place of HTTP 503 and 500; some servers use them at the token endpoint as well.
_FAULTS = {"temporarily_unavailable": 503, "server_error": 500}


def refusal(
    status: int, headers: Mapping[str, str], content: Body, provider: ProviderConfig, *, secrets: tuple[str, ...]
) -> OAuthError:
    """The exception for a response without a token."""
    if is_fault(status):
        return ProviderFault(status, retry_after(headers))
    if 300 <= status < 400:
        return MalformedResponse(f"status {status}: redirects are not followed")
    document = content.document or {}
    error = document.get("error")
    if error or (content.document is not None and not passes(provider.success_check, document)):
        code = safe_code(provider.error_aliases.get(str(error), error))
        if code in _FAULTS:
            return ProviderFault(_FAULTS[code], retry_after(headers))
        return token_error(code, description=document.get("error_description"))
    if content.document is None:
        return MalformedResponse(f"status {status}, {content.problem}")
    if status >= 300:
        return MalformedResponse(f"status {status} without an OAuth error")
    return MalformedResponse("access_token is missing or empty")


def is_fault(status: int) -> bool:
    """Whether a status is about the server's state and not about the request: 408, 425, 429 and 5xx."""
    return status in (408, 425, 429) or status >= 500


def raise_for_fault(status: int, headers: Mapping[str, str]) -> None:
    """Raises ProviderFault for 408, 425, 429 and 5xx."""
    if is_fault(status):
        raise ProviderFault(status, retry_after(headers))
