"""Reads security schemes into fields of the Authentication tab."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urljoin

from django.utils.translation import gettext_noop

from apps.integrations.custom_apis.openapi.described import FoundScheme, Note
from apps.integrations.custom_apis.openapi.document import listing, mapping, named, resolve, text_of
from apps.integrations.custom_apis.openapi.prefixes import prefix_in
from apps.integrations.custom_apis.schema import WITH_TOKEN, Authentication, CustomScope, FurtherKey

MOST = 50
_MOST_SCOPES = 1_000
# The order of preference where a document has several.
_RANK = ("oauth2", "api_key", "oauth2_client_credentials", "basic", "none")
# Swagger 2 names of OpenAPI 3 flows.
_FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials", "implicit": "implicit"}
# Authentication schemes of HTTP whose credentials are more than a key.
_NOT_A_KEY = ("digest", "negotiate", "hoba", "mutual", "oauth", "scram-sha-1", "scram-sha-256", "vapid", "dpop", "gnap")
_WELL_KNOWN = "/.well-known/openid-configuration"


def schemes_in(document: Mapping[str, Any], *, base_url: str, notes: list[Note]) -> list[FoundScheme]:
    """Every usable security scheme, the preferred one first; the others are noted. Relative URLs are relative to
    `base_url`."""
    swagger = "swagger" in document
    components = document if swagger else document.get("components")
    path = "securityDefinitions" if swagger else "components.securitySchemes"
    raw = mapping(components).get(path.rpartition(".")[2])
    found: list[FoundScheme] = []
    for number, (name, node) in enumerate(named(raw)):
        where = f"{path}.{name[:100]}"
        if number >= MOST:
            notes.append(
                Note(path, gettext_noop("Only the first %(most)s security schemes were read.") % {"most": MOST})
            )
            break
        scheme, reason = resolve(document, node)
        if scheme is None:
            notes.append(Note(where, reason))
            continue
        found += _Reader(name[:100], where, base_url, notes).read(scheme)
    notes += _unsupported_combinations(document, found, path)
    usual, rare, parts = _combined(document, found)
    found = [*usual, *found, *rare]
    return sorted(
        found, key=lambda scheme: (scheme.name in parts, _RANK.index(scheme.authentication.type), scheme.is_obsolete)
    )


def _combined(
    document: Mapping[str, Any], found: Sequence[FoundScheme]
) -> tuple[list[FoundScheme], list[FoundScheme], set[str]]:
    """What requests need together, as one scheme each: keys, and keys beside a token or a user name and password.

    First those that are needed together at least as often as one of them alone, then the others, then the names of
    schemes that are of no use alone.
    """
    needed = Counter(tuple(requirement) for requirement in _requirements(document))
    usual: list[FoundScheme] = []
    rare: list[FoundScheme] = []
    parts: set[str] = set()
    for names, count in needed.items():
        alone = max((needed[(name,)] for name in names), default=0)
        together = _storable(names, found)
        (usual if count >= alone else rare).extend(together)
        parts |= {name for name in names if together and not needed[(name,)]}
    return usual, rare, parts


def _storable(names: Sequence[str], found: Sequence[FoundScheme]) -> list[FoundScheme]:
    """The schemes of these names as one; one for each flow of the OAuth 2.0 scheme among them. Empty if they cannot be
    stored together."""
    schemes = [scheme for scheme in found if scheme.name in names]
    keys = [scheme for scheme in schemes if scheme.authentication.type == "api_key"]
    others = [scheme for scheme in schemes if scheme not in keys]
    if len(names) < 2 or {scheme.name for scheme in schemes} != set(names) or len({each.name for each in others}) > 1:
        return []
    if not others:
        return [_together(keys)]
    has_token = others[0].authentication.type in WITH_TOKEN
    if (has_token and len(keys) > 1) or not all(_is_plain(key.authentication) for key in keys):
        return []
    return [_together([other, *keys]) for other in others]


def _is_plain(key: Authentication) -> bool:
    """Whether the key leaves the Authorization header to another scheme, and needs no prefix."""
    return key.key_location != "bearer" and key.key_name.lower() != "authorization" and not key.key_prefix


def _unsupported_combinations(document: Mapping[str, Any], found: Sequence[FoundScheme], path: str) -> Iterator[Note]:
    """A note for each scheme that requests need together with another, where they cannot be stored together."""
    usable = {scheme.name for scheme in found}
    noted = set()
    for requirement in _requirements(document):
        known = [name for name in requirement if name in usable]
        if len(known) > 1 and not _storable(requirement, found) and tuple(known) not in noted:
            noted.add(tuple(known))
            yield Note(
                f"{path}.{known[0]}",
                gettext_noop(
                    "Some requests need it together with %(names)s. They cannot be stored together: callers have "
                    "to add the others to their requests."
                )
                % {"names": " and ".join(known[1:])[:200]},
            )


def _requirements(document: Mapping[str, Any]) -> Iterator[list[str]]:
    yield from ([name for name, _ in named(item)] for item in listing(document.get("security"))[:20])
    for _, path in named(document.get("paths")):
        for _, operation in named(path):
            security = listing(mapping(operation).get("security"))
            yield from ([name for name, _ in named(item)] for item in security[:20])


def _together(schemes: Sequence[FoundScheme]) -> FoundScheme:
    first, *others = schemes
    further = tuple(
        FurtherKey(name=other.authentication.key_name or "Authorization", location=_location(other.authentication))
        for other in others
    )
    names = " and ".join(scheme.name for scheme in schemes)
    return replace(
        first,
        name=names[:100],
        words=_words(schemes, names)[:300],
        authentication=first.authentication.with_values({"further_keys": further}),
        filled=(*first.filled, "further_keys"),
    )


def _words(schemes: Sequence[FoundScheme], names: str) -> str:
    first, *others = schemes
    if first.authentication.type == "api_key":
        return gettext_noop("Keys that are needed together: %(names)s") % {"names": names}
    return gettext_noop("%(words)s, together with %(names)s") % {
        "words": first.words,
        "names": " and ".join(other.authentication.key_name for other in others),
    }


def _location(authentication: Authentication) -> Literal["header", "query"]:
    return "query" if authentication.key_location == "query" else "header"


class _Reader:
    """Reads one scheme, and notes what cannot be used."""

    def __init__(self, name: str, where: str, base_url: str, notes: list[Note]) -> None:
        self._name, self._where, self._base_url, self._notes = name, where, base_url, notes

    def read(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        kind = scheme.get("type")
        read = {
            "apiKey": self._api_key,
            "http": self._http,
            "basic": lambda _: self._found(gettext_noop("User name and password"), type="basic"),
            "oauth2": self._oauth2,
            "openIdConnect": self._open_id,
        }.get(kind if isinstance(kind, str) else "")
        if read is None:
            self._note("", gettext_noop("The type “%(type)s” is not supported.") % {"type": text_of(kind, 40)})
            return
        yield from read(scheme)

    def _api_key(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        name, location = text_of(scheme.get("name"), 100), scheme.get("in")
        if location not in ("header", "query") or not name:
            self._note(".in", gettext_noop("Only keys in a named header or query parameter are supported."))
            return
        if location == "header" and name.lower() == "authorization":
            yield from self._authorization(prefix_in(text_of(scheme.get("description"), 2_000)))
            return
        label = (
            gettext_noop("An API key in the query parameter %(name)s")
            if location == "query"
            else gettext_noop("An API key in the header %(name)s")
        )
        yield from self._found(label % {"name": name}, type="api_key", key_location=location, key_name=name)

    def _http(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        method = text_of(scheme.get("scheme"), 40)
        if method.lower() == "basic":
            yield from self._found(gettext_noop("User name and password"), type="basic")
        elif method.lower() == "bearer":
            yield from self._found(gettext_noop("A bearer token"), type="api_key", key_location="bearer")
        elif re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", method) and method.lower() not in _NOT_A_KEY:
            yield from self._authorization(method)
        else:
            self._note(
                ".scheme",
                gettext_noop("HTTP %(method)s is not supported.") % {"method": method}
                if method
                else gettext_noop("HTTP authentication without a scheme is not supported."),
            )

    def _authorization(self, prefix: str) -> Iterator[FoundScheme]:
        """A key in the Authorization header. Swagger 2 has no other way to describe a bearer token."""
        if not prefix or prefix.lower() == "bearer":
            yield from self._found(
                gettext_noop("A token in the Authorization header"), type="api_key", key_location="bearer"
            )
            return
        label = gettext_noop("A key in the Authorization header, after %(prefix)s") % {"prefix": prefix}
        yield from self._found(
            label, type="api_key", key_location="header", key_name="Authorization", key_prefix=prefix
        )

    def _open_id(self, scheme: Mapping[str, Any]) -> Iterator[FoundScheme]:
        url = self._url(scheme.get("openIdConnectUrl"))
        issuer = url.partition("?")[0].removesuffix(_WELL_KNOWN).rstrip("/") if url else ""
        if not issuer:
            self._note(".openIdConnectUrl", gettext_noop("The URL of the issuer is missing."))
            return
        scopes = (CustomScope(name="openid", description=gettext_noop("Identify the user")),)
        yield from self._found(
            gettext_noop("OpenID Connect, looked up at its issuer"), type="oauth2", issuer=issuer, scopes=scopes
        )

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
                    ".flows.implicit",
                    gettext_noop("The implicit flow is obsolete; its URL is used for the authorization code flow."),
                )
            found = self._flow(gettext_noop("OAuth 2.0, authorization code"), "oauth2", code)
            yield replace(found, is_obsolete="authorizationCode" not in by_name)
        if "clientCredentials" in by_name:
            yield self._flow(
                gettext_noop("OAuth 2.0, client credentials"), "oauth2_client_credentials", by_name["clientCredentials"]
            )
        if code is None and "clientCredentials" not in by_name:
            self._note(".flows", gettext_noop("It has neither the authorization code flow nor client credentials."))

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
        words = {"flow": label, "n": len(scopes)}
        if len(scopes) == 1:
            label = gettext_noop("%(flow)s with %(n)s scope") % words
        elif scopes:
            label = gettext_noop("%(flow)s with %(n)s scopes") % words
        return next(self._found(label, type=kind, scopes=tuple(scopes), **urls))

    def _url(self, value: Any) -> str:
        """An absolute URL. A relative one is relative to the server (OpenAPI 3.1 4.6), never to the document."""
        url = text_of(value, 2_000)
        if not url or "://" in url:
            return url
        return urljoin(f"{self._base_url}/", url) if self._base_url else ""

    def _found(self, label: str, **values: Any) -> Iterator[FoundScheme]:
        settings = {name: value for name, value in values.items() if value}
        filled = tuple(name for name in settings if name != "type")
        yield FoundScheme(self._name, label, Authentication(**settings), ("type", *filled))

    def _note(self, key: str, message: str) -> None:
        self._notes.append(Note(self._where + key, message))
