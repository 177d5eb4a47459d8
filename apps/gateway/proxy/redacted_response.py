"""A service's response without the connection's secrets, for callers who may not see them."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from apps import egress
from apps.connections.errors import AnswerWithheld
from apps.gateway.proxy.headers import Headers, joined_values, without
from apps.gateway.proxy.redaction import Redactor, decompressed, redacted

_DECODABLE = frozenset({"gzip", "x-gzip", "deflate"})
# Partial Content (RFC 9110 15.3.7) and IM Used (RFC 3229 10.4.1).
_PARTIAL = frozenset({206, 226})


def _has_no_body(method: str, response: egress.Response) -> bool:
    is_empty = joined_values(response.headers, "content-length") == "0"
    is_framed = bool(joined_values(response.headers, "transfer-encoding"))
    return method == "HEAD" or response.status in (204, 304) or (is_empty and not is_framed)


@sensitive_variables()
def without_secrets(
    response: egress.Response, headers: Headers, *, method: str, service: str, secrets: tuple[str, ...]
) -> tuple[Headers, Iterator[bytes]]:
    """Headers and body with the secrets redacted. Raises AnswerWithheld if they cannot be searched."""
    redactor = Redactor(secrets)
    chunks: Iterator[bytes] = iter(response)
    coding, framing = (joined_values(response.headers, name) for name in ("content-encoding", "transfer-encoding"))
    if response.status in _PARTIAL:
        response.close()
        raise AnswerWithheld(
            gettext_noop(
                "%(service)s sent a partial response that was not requested. The connection's secret cannot "
                "be redacted in parts of a response."
            )
            % {"service": service}
        )
    if _has_no_body(method, response):
        pass  # no coding changes that; its headers describe the resource
    elif coding in _DECODABLE:
        headers, chunks = without(headers, "content-encoding", "content-length"), decompressed(chunks)
    elif coding not in ("", "identity") or framing not in ("", "identity", "chunked"):
        response.close()
        name = redactor.text(coding or framing)[:20]
        raise AnswerWithheld(
            gettext_noop(
                "%(service)s encoded its response as %(name)s, in which the connection's secret cannot be redacted."
            )
            % {"service": service, "name": name}
        )
    headers = [*without(headers, "accept-ranges"), ("Accept-Ranges", "none")]
    return redactor.headers(headers), redacted(chunks, redactor)
