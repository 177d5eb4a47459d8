"""How people sign in: the document's security schemes as fields of the Authentication tab."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from apps.integrations.custom_apis.openapi.described import FoundScheme, Note
from apps.integrations.custom_apis.openapi.document import mapping, named, resolve, text_of
from apps.integrations.custom_apis.schema import Authentication, CustomScope

MOST = 50
_MOST_SCOPES = 1_000
# What one would rather sign in with, the first where a document offers several.
_RANK = ("oauth2", "api_key", "oauth2_client_credentials", "basic", "none")
# Swagger 2's names of the flows of OpenAPI 3.
_FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials", "implicit": "implicit"}
_WELL_KNOWN = "/.well-known/openid-configuration"


def schemes_in(document: Mapping[str, Any], *, document_url: str, notes: list[Note]) -> list[FoundScheme]:
    """Every way to sign in that can be used, the best first; the others are noted."""
    swagger = "swagger" in document
    components = document if swagger else document.get("components")
    place = "securityDefinitions" if swagger else "components.securitySchemes"
    raw = mapping(components).get(place.rpartition(".")[2])
    found: list[FoundScheme] = []
    for number, (name, node) in enumerate(named(raw)):
        where = f"{place}.{name[:100]}"
        if number >= MOST:
            notes.append(Note(place, f"Only the first {MOST} ways to sign in were read."))
            break
        scheme, why = resolve(document, node)
        if scheme is None:
            notes.append(Note(where, why))
            continue
        found += _Reader(name[:100], where, document_url, notes).read(scheme)
    return sorted(found, key=lambda scheme: _RANK.index(scheme.authentication.type))


class _Reader:
    """One scheme, and what is noted about it."""

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
            self._note("", f"The type {text_of(kind, 40) or 'of it'} is not supported.")
            return
        yield from read(scheme)

    def _api_key(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        name, place = text_of(scheme.get("name"), 100), scheme.get("in")
        if place not in ("header", "query") or not name:
            self._note(".in", "Keys go into a header or the query, under a name. Cookies are not supported.")
            return
        if place == "header" and name.lower() == "authorization":
            # Documents of Swagger 2 have no other way to say "Bearer".
            yield from self._found("A token in the Authorization header", type="api_key", key_location="bearer")
            return
        words = f"An API key in the {place} {'parameter ' if place == 'query' else ''}{name}"
        yield from self._found(words, type="api_key", key_location=place, key_name=name)

    def _http(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        way = text_of(scheme.get("scheme"), 40)
        if way.lower() == "basic":
            yield from self._found("User name and password", type="basic")
        elif way.lower() == "bearer":
            yield from self._found("A bearer token", type="api_key", key_location="bearer")
        else:
            self._note(".scheme", f"HTTP {way or 'authentication without a scheme'} is not supported.")

    def _open_id(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        url = self._address(scheme.get("openIdConnectUrl"))
        issuer = url.partition("?")[0].removesuffix(_WELL_KNOWN).rstrip("/") if url else ""
        if not issuer:
            self._note(".openIdConnectUrl", "There is no address of the issuer.")
            return
        scopes = (CustomScope(name="openid", description="Say who signs in"),)
        yield from self._found("OpenID Connect, looked up at its issuer", type="oauth2", issuer=issuer, scopes=scopes)

    def _oauth2(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        if isinstance(scheme.get("flow"), str):
            flows: Any = {_FLOWS.get(scheme["flow"], scheme["flow"]): scheme}
        else:
            flows = scheme.get("flows")
        given = {name: flow for name, flow in named(flows) if isinstance(flow, dict)}
        code = given.get("authorizationCode") or given.get("implicit")
        if code is not None:
            if "authorizationCode" not in given:
                self._note(".flows.implicit", "The implicit flow is obsolete; its address was taken for the code flow.")
            yield self._flow("OAuth 2.0, authorization code", "oauth2", code)
        if "clientCredentials" in given:
            yield self._flow("OAuth 2.0, client credentials", "oauth2_client_credentials", given["clientCredentials"])
        if code is None and "clientCredentials" not in given:
            self._note(".flows", "Neither the authorization code flow nor client credentials are among its flows.")

    def _flow(self, words: str, kind: str, flow: Mapping[str, Any]) -> FoundScheme:
        scopes: list[CustomScope] = []
        for name, description in named(flow.get("scopes")):
            if name and len(name) <= 200 and len(scopes) < _MOST_SCOPES:
                scopes.append(CustomScope(name=name, description=text_of(description, 300)))
        addresses = {
            "authorization_url": self._address(flow.get("authorizationUrl")) if kind == "oauth2" else "",
            "token_url": self._address(flow.get("tokenUrl")),
            "refresh_url": self._address(flow.get("refreshUrl")),
        }
        if addresses["refresh_url"] == addresses["token_url"]:
            addresses["refresh_url"] = ""
        count = f" with {len(scopes)} scope{'' if len(scopes) == 1 else 's'}" if scopes else ""
        return next(self._found(words + count, type=kind, scopes=tuple(scopes), **addresses))

    def _address(self, value: Any) -> str:
        """Absolute; a relative one against the document's own (OpenAPI 3.1 4.6)."""
        url = text_of(value, 2_000)
        if url and "://" not in url and self._document_url:
            url = urljoin(self._document_url, url)
        return url

    def _found(self, words: str, **values: Any) -> Iterator[FoundScheme]:
        given = {name: value for name, value in values.items() if value}
        filled = tuple(name for name in given if name != "type")
        yield FoundScheme(self._name, words, Authentication(**given), ("type", *filled))

    def _note(self, below: str, sentence: str) -> None:
        self._notes.append(Note(self._where + below, sentence))
