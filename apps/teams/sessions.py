"""Login sessions of which the database has no bearer secret. `SESSION_ENGINE` names this module.

The cookie carries a secret. What the code, the database and django-allauth's list of sessions call the session key is a
hash of it, so a copy of the database opens no session. The data is encrypted: while someone resets a password or sets
up a second factor, django-allauth keeps a key or a seed in it.
"""

import base64
import hashlib
import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.sessions import middleware
from django.contrib.sessions.backends import db
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string

logger = logging.getLogger(__name__)

_SECRET_LENGTH = 43  # letters and digits, 256 bits


def key_of(secret: str) -> str:
    """The session key of a cookie's secret: 240 bits in 40 characters, which is what the column takes."""
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()[:30]).decode()


class SessionStore(db.SessionStore):
    """A session by its key. `secret` is the cookie's value; None where the session came by its key alone."""

    secret: str | None = None

    @classmethod
    def of_cookie(cls, secret: str | None) -> "SessionStore":
        store = cls(key_of(secret) if secret else None)
        store.secret = secret
        return store

    def _get_new_session_key(self) -> str:
        self.secret = get_random_string(_SECRET_LENGTH)
        return key_of(self.secret)

    def encode(self, session_dict: Mapping[str, Any]) -> str:
        data = self.serializer().dumps(dict(session_dict))
        return _cipher(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).encrypt(data).decode()

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Data that cannot be decrypted is an empty session, as with Django's own."""
        try:
            data = _cipher(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS).decrypt(session_data)
        except InvalidToken:
            logger.warning("a session could not be decrypted")
            return {}
        decoded: dict[str, Any] = self.serializer().loads(data)
        return decoded


class SessionMiddleware(middleware.SessionMiddleware):
    """Django's, with the secret in the cookie in place of the session key."""

    def process_request(self, request: HttpRequest) -> None:
        request.session = SessionStore.of_cookie(request.COOKIES.get(settings.SESSION_COOKIE_NAME))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response = super().process_response(request, response)
        cookie, session = response.cookies.get(settings.SESSION_COOKIE_NAME), request.session
        if cookie is not None and isinstance(session, SessionStore) and cookie.value == session.session_key:
            cookie.set(cookie.key, session.secret or "", session.secret or "")
        return response


@cache
def _cipher(*secrets: str) -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret)) for secret in secrets])


def _derived(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"specway sessions").derive(secret.encode())
    return base64.urlsafe_b64encode(derived)
