"""Imports a custom API from its document, which is fetched from a URL or uploaded."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.db import transaction
from django.utils.translation import gettext_noop

from apps import egress
from apps.audit.origin import Target
from apps.audit.services import record
from apps.integrations.custom_apis.openapi import LARGEST, Described, Note, Server, UnreadableDocument, read_description
from apps.integrations.custom_apis.openapi.servers import several
from apps.integrations.custom_apis.schema import Authentication, CustomScope
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.custom_apis.services.discovery import discovered
from apps.integrations.custom_apis.token_host import foreign_host
from apps.integrations.custom_apis.validation import authentication_problems, url_problem
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi, Operation
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.permissions import Action
from apps.teams.reach import for_actors_team

DEADLINE = 20.0
_EMPTY = Authentication()


@for_actors_team
def fetch_description(*, actor: Actor, url: str) -> bytes:
    """The document at a URL, fetched without authentication. Raises NotAllowed, InvalidInput (`url`)."""
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    try:
        with egress.session(deadline=DEADLINE, max_bytes=LARGEST) as session:
            response = session.get(url.strip(), headers={"Accept": "application/json, application/yaml, */*;q=0.5"})
    except egress.EgressError as error:
        raise InvalidInput([("url", str(error))]) from None
    if 300 <= response.status_code < 400:
        raise InvalidInput([("url", gettext_noop("The URL redirects to another one. Enter that URL."))])
    if response.status_code != 200:
        raise InvalidInput(
            [
                (
                    "url",
                    gettext_noop("The URL responded with HTTP status %(status_code)s, not with a document.")
                    % {"status_code": response.status_code},
                )
            ]
        )
    return bytes(response.content)


@for_actors_team
def import_custom_api(
    *,
    actor: Actor,
    content: bytes,
    source: str,
    document_url: str = "",
    name: str = "",
    base_url: str = "",
) -> CustomApi:
    """Create a custom API of the actor's team from the document `content`; `name` and `base_url` override it.

    `source` is displayed: a file name, "pasted", or a URL. Of several security schemes the preferred one is filled in.
    Raises NotAllowed, and InvalidInput: for `document` where it cannot be read, for `base_url` where it has none.
    """
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    try:
        described = read_description(content, document_url=document_url, base_url=base_url.strip())
    except UnreadableDocument as unreadable:
        raise InvalidInput([("document", str(unreadable))]) from None
    return _store(actor, _with_metadata(actor, described), source=source, name=name, base_url=base_url)


def _with_metadata(actor: Actor, described: Described) -> Described:
    """With the metadata of the issuer, where the preferred scheme only has an issuer (openIdConnect)."""
    best = next(iter(described.schemes), None)
    if best is None or not best.authentication.issuer or best.authentication.token_url:
        return described
    try:
        found = discovered(actor=actor, url=best.authentication.issuer)
    except InvalidInput as error:
        note = Note(f"{best.name}: issuer", error.sentence)
        return replace(described, notes=(*described.notes, note))
    scopes = tuple(CustomScope(**scope) for scope in found.pop("scopes", ())) or best.authentication.scopes
    authentication = best.authentication.with_values({**found, "scopes": scopes})
    first = replace(best, authentication=authentication, discovered=(*found, "scopes"))
    return replace(described, schemes=(first, *described.schemes[1:]))


@transaction.atomic
def _store(actor: Actor, described: Described, *, source: str, name: str, base_url: str) -> CustomApi:
    notes = list(described.notes)
    url, params = _base_url(described, base_url.strip(), notes)
    if not url:
        raise InvalidInput([("base_url", gettext_noop("The document has no base URL. Enter the base URL of the API."))])
    hosts = list(_hosts(described, params, url, notes))
    api = create_custom_api(
        actor=actor,
        name=name.strip() or described.name or urlsplit(url).netloc[:100],
        base_url=url,
        description=described.description,
        params=params,
        hosts=hosts,
    )
    api.source, api.schemes = without_query(source)[:500], [_scheme(scheme) for scheme in described.schemes]
    authentication, filled = _best(described, params, notes)
    notes += _foreign_token_url(authentication, url, source)
    api.notes = [asdict(note) for note in notes]
    api.save()
    Operation.objects.bulk_create(_rows(api, described, {host["name"] for host in hosts}), batch_size=500)
    if described.schemes:
        marks = dict.fromkeys(filled, "document") | dict.fromkeys(described.schemes[0].discovered, "discovery")
        api = save_authentication(
            actor=actor, api=api, authentication=authentication, filled_in=marks, confirm_token_host=None
        )
    integration = api.integration
    record(
        action="integration.imported",
        origin=actor.origin,
        team_id=integration.team_id,
        target=Target("integration", str(integration.pk), integration.name, integration.slug),
        source=api.source,
        version=described.version,
        operations=api.integration.operations.count(),
    )
    return api


def _base_url(described: Described, entered: str, notes: list[Note]) -> tuple[str, list[Any]]:
    """`(base URL, its parameters)`: the entered one, or the only server. Raises InvalidInput to choose from several."""
    if entered:
        chosen = next((server for server in described.servers if server.url == entered.rstrip("/")), Server(entered))
        return entered, list(chosen.params)
    if len(described.servers) > 1:
        choices = "; ".join(several(list(described.servers[:10])))
        raise InvalidInput(
            [
                (
                    "base_url",
                    gettext_noop("The document lists several servers. Enter the URL of one of them: %(choices)s.")
                    % {"choices": choices},
                )
            ]
        )
    return _secure(described, notes), list(described.params)


def _secure(described: Described, notes: list[Note]) -> str:
    """The base URL; with https where the document has http and that is not allowed."""
    url = _with_https(described.base_url, described.params)
    if url != described.base_url:
        notes.append(Note("servers", gettext_noop("The document has http; requests are sent with https.")))
    return url


def _with_https(url: str, params: Sequence[Mapping[str, Any]]) -> str:
    is_refused = url.startswith("http://") and url_problem(url, params)
    return "https" + url.removeprefix("http") if is_refused else url


def _hosts(described: Described, params: list[Any], base_url: str, notes: list[Note]) -> Iterator[dict[str, str]]:
    """The further hosts of the document to which requests can be sent. Those that are not the API's are noted, since
    calls to them carry the credentials of connections."""
    for host in described.hosts:
        url = _with_https(host.base_url, params)
        if problem := url_problem(url, params):
            notes.append(
                Note(
                    f"servers: {url[:200]}",
                    gettext_noop("%(problem)s Its operations were left out.") % {"problem": problem},
                )
            )
            continue
        if urlsplit(url).netloc != urlsplit(base_url).netloc:
            sentence = gettext_noop(
                "Some operations are at another host, %(netloc)s: calls to @%(host)s carry the credentials of "
                "connections. Remove it if you do not know it."
            )
            notes.append(Note("servers", sentence % {"netloc": urlsplit(url).netloc, "host": host.name}))
        yield {"name": host.name, "base_url": url, "label": host.label}


def _best(described: Described, params: list[Any], notes: list[Note]) -> tuple[Authentication, list[str]]:
    """The first security scheme without unusable fields, and the fields that it filled in."""
    if not described.schemes:
        return _EMPTY, []
    best = described.schemes[0]
    authentication, filled = best.authentication, list(best.filled)
    for name, message in authentication_problems(authentication, params=params):
        authentication = authentication.with_values({name: getattr(_EMPTY, name)})
        filled = [other for other in filled if other != name]
        notes.append(Note(f"{best.name}: {name}", message))
    return authentication, filled


def _foreign_token_url(authentication: Authentication, base_url: str, source: str) -> list[Note]:
    """A note where secrets would be sent to a host that is neither that of the API nor that of the document."""
    host = foreign_host(authentication.token_url, base_url=base_url, source=source)
    if not host:
        return []
    return [
        Note(
            "token_url",
            gettext_noop("The token URL is at another host, %(host)s. Secrets go there only once you confirm it.")
            % {"host": host},
        )
    ]


def _scheme(scheme: Any) -> dict[str, Any]:
    return {"name": scheme.name, "words": scheme.words, "authentication": scheme.authentication.as_json()}


def _rows(api: CustomApi, described: Described, hosts: set[str]) -> Iterable[Operation]:
    usable = (call for call in described.operations if not call.host or call.host in hosts)
    for position, call in enumerate(usable):
        yield Operation(
            integration_id=api.pk,
            position=position,
            method=call.method,
            path=call.path,
            host=call.host,
            summary=call.summary,
            scopes=list(call.scopes),
        )


def without_query(source: str) -> str:
    """A URL without its query, which may contain a key; other sources unchanged."""
    parts = urlsplit(source) if "://" in source else None
    return urlunsplit(parts._replace(query="", fragment="")) if parts else source
