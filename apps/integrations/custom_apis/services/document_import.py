"""A team's own API from its description: fetched or handed over, read, and stored with what it says."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.db import transaction

from apps import egress
from apps.audit.origin import Target
from apps.audit.services import record
from apps.integrations.custom_apis.openapi import LARGEST, Described, Note, UnreadableDocument, read_description
from apps.integrations.custom_apis.schema import Authentication, CustomScope
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.custom_apis.services.discovery import discovered
from apps.integrations.custom_apis.validation import address_problem, authentication_problems
from apps.integrations.errors import InvalidInput
from apps.integrations.models import CustomApi, Operation
from apps.teams import permissions
from apps.teams.actor import Actor
from apps.teams.permissions import Action

DEADLINE = 20.0
_EMPTY = Authentication()


def fetch_description(*, actor: Actor, url: str) -> bytes:
    """The document at an address that somebody typed, without signing in. Raises NotAllowed, InvalidInput (`url`)."""
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    try:
        with egress.session(deadline=DEADLINE, max_bytes=LARGEST) as session:
            answer = session.get(url.strip(), headers={"Accept": "application/json, application/yaml, */*;q=0.5"})
    except egress.EgressError as error:
        raise InvalidInput([("url", str(error))]) from None
    if 300 <= answer.status_code < 400:
        raise InvalidInput([("url", "The address leads on to another one. Enter the one that it leads to.")])
    if answer.status_code != 200:
        raise InvalidInput([("url", f"The address answered with HTTP status {answer.status_code}, not a document.")])
    return bytes(answer.content)


def import_custom_api(
    *,
    actor: Actor,
    content: bytes,
    source: str,
    document_url: str = "",
    name: str = "",
    base_url: str = "",
) -> CustomApi:
    """A new API of the actor's team as `content` describes it. `name` and `base_url` win over what it says.

    `source` is shown: a file's name, "pasted", or an address. Of several ways to sign in the best is filled in.
    Raises NotAllowed, and InvalidInput: for `document` where nothing can be used, for `base_url` where it says none.
    """
    permissions.require(actor, Action.MANAGE_CUSTOM_APIS)
    try:
        described = read_description(content, document_url=document_url)
    except UnreadableDocument as unreadable:
        raise InvalidInput([("document", str(unreadable))]) from None
    return _store(actor, _looked_up(actor, described), source=source, name=name, base_url=base_url)


def _looked_up(actor: Actor, described: Described) -> Described:
    """With what the issuer publishes, where the best way to sign in names nothing but an issuer (openIdConnect)."""
    best = next(iter(described.schemes), None)
    if best is None or not best.authentication.issuer or best.authentication.token_url:
        return described
    try:
        found = discovered(actor=actor, url=best.authentication.issuer)
    except InvalidInput as refusal:
        note = Note(f"{best.name}: issuer", refusal.sentence)
        return replace(described, notes=(*described.notes, note))
    scopes = tuple(CustomScope(**scope) for scope in found.pop("scopes", ())) or best.authentication.scopes
    authentication = best.authentication.with_values({**found, "scopes": scopes})
    first = replace(best, authentication=authentication, discovered=(*found, "scopes"))
    return replace(described, schemes=(first, *described.schemes[1:]))


@transaction.atomic
def _store(actor: Actor, described: Described, *, source: str, name: str, base_url: str) -> CustomApi:
    notes = list(described.notes)
    address = base_url.strip() or _secure(described, notes)
    if not address:
        raise InvalidInput([("base_url", "The document does not say where the API is. Enter its base URL.")])
    params = list(described.params) if not base_url.strip() else []
    api = create_custom_api(
        actor=actor,
        name=name.strip() or described.name or urlsplit(address).netloc[:100],
        base_url=address,
        description=described.description,
        params=params,
    )
    api.source, api.schemes = without_query(source)[:500], [_scheme(scheme) for scheme in described.schemes]
    authentication, filled = _best(described, params, notes)
    api.notes = [asdict(note) for note in notes]
    api.save()
    Operation.objects.bulk_create(_rows(api, described), batch_size=500)
    if described.schemes:
        marks = dict.fromkeys(filled, "document") | dict.fromkeys(described.schemes[0].discovered, "discovery")
        api = save_authentication(actor=actor, api=api, authentication=authentication, filled_in=marks)
    integration = api.integration
    record(
        action="integration.imported",
        origin=actor.origin,
        team_id=integration.team_id,
        target=Target("integration", str(integration.pk), integration.name, integration.slug),
        source=api.source,
        version=described.version,
        operations=len(described.operations),
    )
    return api


def _secure(described: Described, notes: list[Note]) -> str:
    """The base URL; with https where the document knows only http and that is not allowed here."""
    url = described.base_url
    if url.startswith("http://") and address_problem(url, described.params):
        notes.append(Note("servers", "The document says http; requests go to https, so that nobody listens."))
        return "https" + url.removeprefix("http")
    return url


def _best(described: Described, params: list[Any], notes: list[Note]) -> tuple[Authentication, list[str]]:
    """The first way to sign in, without the fields that cannot be used, and which fields it filled in."""
    if not described.schemes:
        return _EMPTY, []
    best = described.schemes[0]
    authentication, filled = best.authentication, list(best.filled)
    for name, sentence in authentication_problems(authentication, params=params):
        authentication = authentication.with_values({name: getattr(_EMPTY, name)})
        filled = [other for other in filled if other != name]
        notes.append(Note(f"{best.name}: {name}", sentence))
    return authentication, filled


def _scheme(scheme: Any) -> dict[str, Any]:
    return {"name": scheme.name, "words": scheme.words, "authentication": scheme.authentication.as_json()}


def _rows(api: CustomApi, described: Described) -> Iterable[Operation]:
    for position, call in enumerate(described.operations):
        yield Operation(
            integration_id=api.pk,
            position=position,
            method=call.method,
            path=call.path,
            summary=call.summary,
            scopes=list(call.scopes),
        )


def without_query(source: str) -> str:
    """An address without its query, where a key may stand; anything else as it is."""
    parts = urlsplit(source) if "://" in source else None
    return urlunsplit(parts._replace(query="", fragment="")) if parts else source
