"""One running product for all tests of the clients: with the sandbox, a worker for webhooks, and two custom APIs."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import requests

from tests.clients.services import Surroundings, surroundings
from tests.e2e.cast import AuthorizationFlow, Visitor
from tests.e2e.inside import inside
from tests.processes import Product, running_product

OWNER = "owner@specway.example"
PAGES = "https://app.example.com"
SET_UP = """
from apps.audit.origin import Origin
from apps.integrations.custom_apis.schema import Authentication
from apps.integrations.custom_apis.services.apis import create_custom_api, save_authentication
from apps.integrations.models import Integration
from apps.teams import keys
from apps.teams.actor import member_actor
from apps.teams.models import ApiKey, Membership
owner = Membership.objects.select_related("team", "user").get(user__email=email)
actor = member_actor(owner, origin=Origin(kind="member", id=str(owner.user.pk), label="tests"))
slugs = []
for name, base_url in apis.items():
    api = create_custom_api(actor=actor, name=name, base_url=base_url)
    save_authentication(actor=actor, api=api, authentication=Authentication(type="api_key"))
    slugs.append(Integration.objects.get(pk=api.pk).slug)
answer = [slugs]
for kind in ("personal", "service"):
    text = keys.generate()
    ApiKey.objects.create(
        team=owner.team, user=owner.user, kind=kind, name=kind, prefix=text.prefix,
        secret_hash=keys.hash_secret(text.secret), scopes=list(keys.SCOPES),
    )
    answer.append(text.reveal())
"""


@dataclass
class Day:
    """A builder's day: keys of both kinds, the connections of two custom APIs with their secrets, and a person."""

    product: Product
    around: Surroundings
    key: str = field(repr=False)
    personal: str = field(repr=False)
    slack: str
    github: str
    secret: str = field(repr=False)
    person: Visitor

    @property
    def env(self) -> dict[str, str]:
        """For programs with the clients; the key is in no argument."""
        return {
            "PATH": self.product.env["PATH"],
            "SPECWAY_URL": self.product.url,
            "SPECWAY_API_KEY": self.key,
            "SLACK": self.slack,
            "GITHUB": self.github,
            "PAGES": PAGES,
        }

    def person_connects(self, link: str) -> None:
        """Opens the link, agrees to share, and consents at the service."""
        assert self.product.sandbox is not None
        path = urlsplit(link).path
        assert "Share it with" in self.person.get(path).text
        started = self.person.post(path, {"share": "yes"})
        assert started.status_code == 302, started.text
        back = self.person.open_callback(AuthorizationFlow(self.product.sandbox, started.headers["Location"]).approve())
        assert back.status_code == 302, back.text


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with (
        surroundings() as around,
        running_product(
            tmp_path_factory.mktemp("clients"),
            beat=False,
            sandbox=True,
            access_token_seconds=900,
            env={"EGRESS_ALLOWED_HOSTS": f"127.0.0.1:{around.port}", "LOG_LEVEL": "INFO", "BROWSER_ORIGINS": PAGES},
        ) as product,
    ):
        apis = {"Chat": f"{around.origin}/slack/api", "Code": f"{around.origin}/github"}
        with inside(product) as look:
            slugs, personal, service = look.run(SET_UP, email=OWNER, apis=apis)
        secret = secrets.token_urlsafe(20)
        slack, github = (_connected(product.url, personal, slug, secret) for slug in slugs)
        person = Visitor(product, OWNER, product.accounts[OWNER])
        person.sign_in()
        yield Day(product, around, service, personal, slack, github, secret, person)


def _connected(url: str, key: str, slug: str, secret: str) -> str:
    """A connection of the custom API with the secret, shared with everyone."""
    api, headers = f"{url}/api/v1/connections/", {"Authorization": f"Bearer {key}"}
    wanted = {"integration": slug, "fields": {"key": secret}, "if_unchecked": "store"}
    made = requests.post(api, json=wanted, headers=headers, timeout=60)
    assert made.status_code == 201, made.text
    pk = str(made.json()["id"])
    shared = requests.put(f"{api}{pk}/sharing/", json={"shared": True, "level": "use"}, headers=headers, timeout=60)
    assert shared.status_code == 200, shared.text
    return pk
