"""The page of an unexpected error in debug mode shows no credentials of the request."""

import secrets
import sys
from typing import Any

import pytest
from django.test import RequestFactory
from django.views.debug import technical_500_response

from apps.web.crash_pages import RequestSecretsFilter

KEY = f"spw_{secrets.token_hex(6)}_{secrets.token_hex(20)}"
COOKIE = secrets.token_hex(20)


def crash(environ: dict[str, Any], key: str) -> None:
    prefix, _, secret = key.rpartition("_")
    harmless = "a value that helps"
    raise RuntimeError(f"{len(prefix + secret + harmless)} characters of {len(environ)} variables")


def page(settings: Any) -> str:
    settings.DEBUG = True
    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {KEY}", "Cookie": f"specway={COOKIE}"})
    try:
        crash(request.environ, KEY)
    except RuntimeError:
        return technical_500_response(request, *sys.exc_info()).content.decode()
    raise AssertionError


def test_a_crash_page_shows_no_key_and_no_cookie(settings: Any) -> None:
    shown = page(settings)
    assert "a value that helps" in shown
    for secret in (KEY, KEY.rpartition("_")[2], COOKIE):
        assert secret not in shown


def test_without_the_filter_it_would(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(RequestSecretsFilter, "get_traceback_frame_variables")
    assert KEY in page(settings)
