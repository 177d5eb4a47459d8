"""An OAuth 1.0a service by Authlib on a socket, an implementation independent of oauthlib, which we sign with."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from authlib.integrations.flask_oauth1 import AuthorizationServer, ResourceProtector
from authlib.oauth1 import ClientMixin, TemporaryCredentialMixin, TokenCredentialMixin
from authlib.oauth1.rfc5849.errors import OAuth1Error
from flask import Flask, jsonify, redirect, request
from werkzeug.serving import make_server


@dataclass
class Client(ClientMixin):
    """The registered client; any callback is accepted."""

    key: str
    secret: str = field(repr=False)

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_client_secret(self) -> str:
        return self.secret

    def get_rsa_public_key(self) -> str:
        return ""


@dataclass
class Temporary(TemporaryCredentialMixin):
    """A request token."""

    token: str
    secret: str = field(repr=False)
    client_id: str = ""
    callback: str = ""
    verifier: str = ""
    person: str = ""

    def get_client_id(self) -> str:
        return self.client_id

    def get_redirect_uri(self) -> str:
        return self.callback

    def check_verifier(self, verifier: str) -> bool:
        return bool(verifier) and self.verifier == verifier

    def get_oauth_token(self) -> str:
        return self.token

    def get_oauth_token_secret(self) -> str:
        return self.secret


@dataclass
class Credential(TokenCredentialMixin):
    """An access token."""

    token: str
    secret: str = field(repr=False)
    person: str = ""

    def get_oauth_token(self) -> str:
        return self.token

    def get_oauth_token_secret(self) -> str:
        return self.secret


@dataclass
class Authlib1:
    """The running service."""

    url: str
    client: Client
    temporary: dict[str, Temporary] = field(default_factory=dict)
    tokens: dict[str, Credential] = field(default_factory=dict)
    nonces: set[tuple[str, str]] = field(default_factory=set)


@contextmanager
def authlib1_server() -> Iterator[Authlib1]:
    """Run a service on a free port of 127.0.0.1. The query `person` of the consent page names who decides; without one,
    it is denied."""
    app = Flask("authlib1-server")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    client = Client("consumer-" + secrets.token_hex(6), secrets.token_urlsafe(24))
    state = Authlib1(f"http://127.0.0.1:{server.server_port}", client)
    _routes(app, state)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _known(state: Authlib1, key: str) -> Client | None:
    return state.client if key == state.client.key else None


def _is_repeated(state: Authlib1, nonce: str, timestamp: str) -> bool:
    seen = (nonce, timestamp) in state.nonces
    state.nonces.add((nonce, timestamp))
    return seen


def _routes(app: Flask, state: Authlib1) -> None:
    authorization = AuthorizationServer(app, query_client=lambda key: _known(state, key))
    _hooks(authorization, state)
    protected = ResourceProtector(
        app,
        query_client=lambda key: _known(state, key),
        query_token=lambda key, token: state.tokens.get(token),
        exists_nonce=lambda nonce, timestamp, key, token: _is_repeated(state, nonce, timestamp),
    )

    @app.post("/request")
    def initiate() -> Any:
        return authorization.create_temporary_credentials_response()

    @app.get("/authorize")
    def authorize() -> Any:
        held = state.temporary[request.args["oauth_token"]]
        if not (person := request.args.get("person", "")):
            joint = "&" if "?" in held.callback else "?"
            return redirect(f"{held.callback}{joint}{urlencode({'error': 'access_denied'})}")
        return authorization.create_authorization_response(grant_user=person)

    @app.post("/access")
    def access() -> Any:
        return authorization.create_token_response()

    @app.get("/api/me")
    def me() -> Any:
        try:
            credential = protected.acquire_credential()
        except OAuth1Error as error:
            return jsonify(error=error.error), 401
        return jsonify(id=credential.person, email=f"{credential.person}@authlib1.example")


def _hooks(authorization: AuthorizationServer, state: Authlib1) -> None:
    def create_temporary(token: dict[str, str], client_id: str, redirect_uri: str) -> Temporary:
        made = Temporary(token["oauth_token"], token["oauth_token_secret"], client_id, redirect_uri)
        state.temporary[made.token] = made
        return made

    def create_verifier(credential: Temporary, grant_user: str, verifier: str) -> str:
        credential.person, credential.verifier = grant_user, verifier
        return verifier

    def create_credential(token: dict[str, str], temporary: Temporary) -> Credential:
        made = Credential(token["oauth_token"], token["oauth_token_secret"], temporary.person)
        state.tokens[made.token] = made
        return made

    hooks = {
        "create_temporary_credential": create_temporary,
        "get_temporary_credential": state.temporary.get,
        "delete_temporary_credential": lambda token: state.temporary.pop(token, None),
        "create_authorization_verifier": create_verifier,
        "create_token_credential": create_credential,
        "exists_nonce": lambda nonce, timestamp, client_id, oauth_token: _is_repeated(state, nonce, timestamp),
    }
    for name, hook in hooks.items():
        authorization.register_hook(name, hook)
