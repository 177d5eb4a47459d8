"""Reads security schemes into fields of the Authentication tab."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from apps.integrations.custom_apis.openapi.described import FoundScheme, Note
from apps.integrations.custom_apis.openapi.document import mapping, named, resolve, text_of
from apps.integrations.custom_apis.schema import Authentication, CustomScope

MOST = 50
_MOST_SCOPES = 1_000
# The order of preference where a document has several.
_RANK = ("oauth2", "api_key", "oauth2_client_credentials", "basic", "none")
# Swagger 2 names of OpenAPI 3 flows.
_FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials", "implicit": "implicit"}
_WELL_KNOWN = "/.well-known/openid-configuration"


def schemes_in(document: Mapping[str, Any], *, document_url: str, notes: list[Note]) -> list[FoundScheme]:
    """Every way to sign in that can be used, the best first; the others are noted."""
    swagger = "swagger" in document
    components = document if swagger else document.get("components")
    path = "securityDefinitions" if swagger else "components.securitySchemes"
    raw = mapping(components).get(path.rpartition(".")[2])
    found: list[FoundScheme] = []
    for number, (name, node) in enumerate(named(raw)):
        where = f"{path}.{name[:100]}"
        if number >= MOST:
            notes.append(Note(path, f"Only the first {MOST} security schemes were read."))
            break
        scheme, reason = resolve(document, node)
        if scheme is None:
            notes.append(Note(where, reason))
            continue
        found += _Reader(name[:100], where, document_url, notes).read(scheme)
    return sorted(found, key=lambda scheme: _RANK.index(scheme.authentication.type))


class _Reader:
    """Reads one scheme, and notes what cannot be used."""

    def __init__(self, name: str, where: str, document_url: str, notes: list[Note]) -> None:
        self._name, self._where, self._document_url, self._notes = name, where, document_url, notes

    def read(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        kind = scheme.get("type")
        read = {
            "apiKey": self._api_key,
            "http": self._http,
            "basic": lambda _: self._found("User name and password", type="basic"),
            "oauth2": self._oauth2,
            "openIdConnect": self._open_id,
        }.get(kind if isinstance(kind, str) else "")
        if read is None:
            self._note("", f"The type “{text_of(kind, 40)}” is not supported.")
            return
        yield from read(scheme)

    def _api_key(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        name, location = text_of(scheme.get("name"), 100), scheme.get("in")
        if location not in ("header", "query") or not name:
            self._note(".in", "Only keys in a named header or query parameter are supported.")
            return
        if location == "header" and name.lower() == "authorization":
            # Swagger 2 has no bearer scheme.
            yield from self._found("A token in the Authorization header", type="api_key", key_location="bearer")
            return
        label = f"An API key in the {location} {'parameter ' if location == 'query' else ''}{name}"
        yield from self._found(label, type="api_key", key_location=location, key_name=name)

    def _http(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        method = text_of(scheme.get("scheme"), 40)
        if method.lower() == "basic":
            yield from self._found("User name and password", type="basic")
        elif method.lower() == "bearer":
            yield from self._found("A bearer token", type="api_key", key_location="bearer")
        else:
            self._note(".scheme", f"HTTP {method or 'authentication without a scheme'} is not supported.")

    def _open_id(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        url = self._url(scheme.get("openIdConnectUrl"))
        issuer = url.partition("?")[0].removesuffix(_WELL_KNOWN).rstrip("/") if url else ""
        if not issuer:
            self._note(".openIdConnectUrl", "The URL of the issuer is missing.")
            return
        scopes = (CustomScope(name="openid", description="Identify the user"),)
        yield from self._found("OpenID Connect, looked up at its issuer", type="oauth2", issuer=issuer, scopes=scopes)

    def _oauth2(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        if isinstance(scheme.get("flow"), str):
            flows: Any = {_FLOWS.get(scheme["flow"], scheme["flow"]): scheme}
        else:
            flows = scheme.get("flows")
        by_name = {name: flow for name, flow in named(flows) if isinstance(flow, dict)}
        code = by_name.get("authorizationCode") or by_name.get("implicit")
        if code is not None:
            if "authorizationCode" not in by_name:
                self._note(
                    ".flows.implicit", "The implicit flow is obsolete; its URL is used for the authorization code flow."
                )
            yield self._flow("OAuth 2.0, authorization code", "oauth2", code)
        if "clientCredentials" in by_name:
            yield self._flow("OAuth 2.0, client credentials", "oauth2_client_credentials", by_name["clientCredentials"])
        if code is None and "clientCredentials" not in by_name:
            self._note(".flows", "It has neither the authorization code flow nor client credentials.")

    def _flow(self, label: str, kind: str, flow: Mapping[str, Any]) -> FoundScheme:
        scopes: list[CustomScope] = []
        for name, description in named(flow.get("scopes")):
            if name and len(name) <= 200 and len(scopes) < _MOST_SCOPES:
                scopes.append(CustomScope(name=name, description=text_of(description, 300)))
        urls = {
            "authorization_url": self._url(flow.get("authorizationUrl")) if kind == "oauth2" else "",
            "token_url": self._url(flow.get("tokenUrl")),
            "refresh_url": self._url(flow.get("refreshUrl")),
        }
        if urls["refresh_url"] == urls["token_url"]:
            urls["refresh_url"] = ""
        count = f" with {len(scopes)} scope{'' if len(scopes) == 1 else 's'}" if scopes else ""
        return next(self._found(label + count, type=kind, scopes=tuple(scopes), **urls))

    def _url(self, value: Any) -> str:
        """Absolute; a relative one against the document's own (OpenAPI 3.1 4.6)."""
        url = text_of(value, 2_000)
        if url and "://" not in url and self._document_url:
            url = urljoin(self._document_url, url)
        return url

    def _found(self, label: str, **values: Any) -> Iterator[FoundScheme]:
        settings = {name: value for name, value in values.items() if value}
        filled = tuple(name for name in settings if name != "type")
        yield FoundScheme(self._name, label, Authentication(**settings), ("type", *filled))

    def _note(self, key: str, message: str) -> None:
        self._notes.append(Note(self._where + key, message))
