"""An authorization server by Authlib on a socket: an independent implementation of OAuth 2.0, with options."""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server


@dataclass
class Client(ClientMixin):
    """The registered client."""

    client_id: str
    client_secret: str
    method: str
    redirect_uri: str = ""

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(self.client_secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token", "client_credentials")


@dataclass
class Code:
    code: str
    client_id: str
    redirect_uri: str
    scope: str
    user: str
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Token(TokenMixin):
    access_token: str
    refresh_token: str
    scope: str
    user: str
    client_id: str
    revoked: bool = False

    def check_client(self, client: Client) -> bool:
        return self.client_id == client.client_id

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return 3600

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return self.revoked


@dataclass
class AuthlibServer:
    """The running server and its options."""

    url: str
    client: Client
    codes: dict[str, Code] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    answers_form: bool = False
    separates_by_comma: bool = False
    says_expires_in: bool = True

    def live(self, access_token: str) -> Token | None:
        return next((t for t in self.tokens if t.access_token == access_token and not t.revoked), None)


@contextmanager
def authlib_server(*, method: str = "client_secret_basic") -> Iterator[AuthlibServer]:
    """Run a server on a free port of 127.0.0.1 that approves every authorization request of its client.

    The header `X-Person` names who does, by default ada; an empty one denies it.
    """
    app = Flask("authlib-server")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    secret = "" if method == "none" else secrets.token_urlsafe(24)
    state = AuthlibServer(f"http://127.0.0.1:{server.server_port}", Client("fernhill-app", secret, method))
    _routes(app, state)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _routes(app: Flask, state: AuthlibServer) -> None:
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
    authorization = AuthorizationServer(
        app,
        query_client=lambda client_id: state.client if client_id == state.client.client_id else None,
        save_token=lambda token, made: _save(state, token, made),
    )
    authorization.register_grant(_code_grant(state), [CodeChallenge(required=state.client.method == "none")])
    authorization.register_grant(_refresh_grant(state))
    authorization.register_grant(grants.ClientCredentialsGrant)
    authorization.register_endpoint(_revocation(state))

    @app.get("/authorize")
    def authorize() -> Any:
        state.calls.append("authorize")
        person = request.headers.get("X-Person", "ada")
        try:
            grant = authorization.get_consent_grant(end_user=person)
        except OAuth2Error as error:
            return authorization.handle_error_response(None, error)
        return authorization.create_authorization_response(grant_user=person or None, grant=grant)

    @app.post("/token")
    def token() -> Any:
        state.calls.append(f"token {request.form.get('grant_type', '')}")
        return _with_habits(state, authorization.create_token_response())

    @app.post("/revoke")
    def revoke() -> Any:
        state.calls.append("revoke")
        return authorization.create_endpoint_response("revocation")

    @app.get("/api/me")
    def me() -> Any:
        found = state.live(request.headers.get("Authorization", "").removeprefix("Bearer "))
        return jsonify(id=found.user, email=f"{found.user}@authlib.example") if found else (jsonify(), 401)


def _with_habits(state: AuthlibServer, answer: Response) -> Response:
    document = answer.get_json()
    if "access_token" not in document:
        return answer
    if not state.says_expires_in:
        document.pop("expires_in", None)
    if state.separates_by_comma and "scope" in document:
        document["scope"] = document["scope"].replace(" ", ",")
    if state.answers_form:
        return Response(urlencode(document), content_type="application/x-www-form-urlencoded")
    made: Response = jsonify(document)
    return made


def _save(state: AuthlibServer, token: dict[str, Any], made: Any) -> None:
    state.tokens.append(
        Token(
            token["access_token"],
            token.get("refresh_token", ""),
            token.get("scope", ""),
            made.user or "machine",
            made.client.client_id,
        )
    )


def _code_grant(state: AuthlibServer) -> type:
    class Grant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            data = request.payload.data
            scope = request.payload.scope or ""
            state.codes[code] = Code(
                code, request.client.client_id, request.payload.redirect_uri or "", scope, request.user,
                data.get("code_challenge"), data.get("code_challenge_method"),
            )  # fmt: skip

        def query_authorization_code(self, code: str, client: Client) -> Code | None:
            return state.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            state.codes.pop(authorization_code.code, None)

        def authenticate_user(self, authorization_code: Code) -> str:
            return authorization_code.user

    return Grant


def _refresh_grant(state: AuthlibServer) -> type:
    class Grant(grants.RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
        INCLUDE_NEW_REFRESH_TOKEN = True

        def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
            return next((t for t in state.tokens if t.refresh_token == refresh_token and not t.revoked), None)

        def authenticate_user(self, refresh_token: Token) -> str:
            return refresh_token.user

        def revoke_old_credential(self, refresh_token: Token) -> None:
            refresh_token.revoked = True

    return Grant


def _revocation(state: AuthlibServer) -> type:
    class Endpoint(RevocationEndpoint):
        CLIENT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

        def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
            return next((t for t in state.tokens if token_string in (t.access_token, t.refresh_token)), None)

        def revoke_token(self, token: Token, request: Any) -> None:
            token.revoked = True

    return Endpoint


__all__ = ["AuthlibServer", "authlib_server"]
