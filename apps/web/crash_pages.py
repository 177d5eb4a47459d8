"""Django's debugging pages (DEBUG=True) and error reports, without the secrets that the request brought."""

import re
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter

_SHORTEST = 8  # characters of a part that counts as secret


class RequestSecretsFilter(SafeExceptionReporterFilter):
    """Masks variables of frames whose text has the request's credentials.

    Django masks request headers by their names, but not the variables that hold them: the WSGI environment, or a key
    on its way through authentication.
    """

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> Any:
        secrets = _secrets_of(request) if request is not None else set()
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, self.cleansed_substitute if _has(value, secrets) else value) for name, value in variables]


def _secrets_of(request: HttpRequest) -> set[str]:
    """The Authorization header and the cookies, whole and by their parts: a key consists of a prefix and a secret."""
    values = [request.META.get("HTTP_AUTHORIZATION", ""), *request.COOKIES.values()]
    return {part for value in values for part in re.split(r"[\s_:=;,]", value) if len(part) >= _SHORTEST}


def _has(value: Any, secrets: set[str]) -> bool:
    try:
        text = repr(value)
    except Exception:  # a broken __repr__ is what the page may be about
        return False
    return any(secret in text for secret in secrets)
