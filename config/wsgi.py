"""The WSGI entry point: `gunicorn config.wsgi`.

Calls of the API with a key take a shorter way than pages: nothing of sessions, cookies, messages or the browser's
policies concerns them, and workflows make many of them.
"""

import os
from typing import Any

import django
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class _KeyCallHandler(BaseHandler):
    """Django's handler with KEY_CALL_MIDDLEWARE, none of which looks at the view before it runs."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        handler = convert_exception_to_response(self._get_response)  # type: ignore[attr-defined]  # not in the stubs
        for path in reversed(settings.KEY_CALL_MIDDLEWARE):
            middleware = import_string(path)(handler)
            if hasattr(middleware, "process_exception"):
                self._exception_middleware.append(middleware.process_exception)
            handler = convert_exception_to_response(middleware)
        self._middleware_chain = handler


class Application(WSGIHandler):
    """Django's WSGI application with two ways through it."""

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async)
        self._key_calls = _KeyCallHandler()
        self._key_calls.load_middleware()

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        return self._key_calls.get_response(request) if is_key_call(request) else super().get_response(request)


def is_key_call(request: HttpRequest) -> bool:
    """Whether the API is called with a key, valid or not, which it then judges the call by, and by no session."""
    given: str = request.META.get("HTTP_AUTHORIZATION", "")
    return request.path_info.startswith("/api/v1/") and given[:7].lower() == "bearer "


django.setup(set_prefix=False)
application = Application()
