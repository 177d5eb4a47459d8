"""Every flow with secrets that are known, at DEBUG; then the search for them in everything that was left behind."""

import re
from secrets import token_hex, token_urlsafe
from urllib.parse import urlsplit

import pytest

from tests.e2e.canaries import Canaries, left_behind
from tests.e2e.cast import AuthorizationFlow, Program, Shown, Visitor, newcomer, play
from tests.e2e.conftest import EVERYWHERE, Stage
from tests.e2e.processes import running, wait_for

QUEUE = """
from apps.connections import tasks
from apps.connections.models import TokenSet
for pk, version in TokenSet.objects.filter(connection__in=connections).values_list("pk", "version"):
    tasks.refresh_some.delay([(str(pk), version)])
"""
PLANT = """
from django.core.cache import cache
from apps.audit.models import AuditEvent
from apps.teams.models import Team
Team.objects.create(name=value)
cache.set("planted", {"token": value}, 600)
"""


class Story:
    """One person's way through the product, with every secret noted before it is used."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.product = stage.product
        self.canaries = Canaries()
        self.connections: list[str] = []
        self.visitor = newcomer(stage.product, stage.inside)
        self.operator = Visitor(stage.product, "owner@specway.example", stage.product.accounts["owner@specway.example"])
        self.operator.sign_in()
        self.programs: list[Program] = []
        for name in ("SECRET_KEY", "FINGERPRINT_KEY"):
            self.canaries.add(name, stage.product.env[name])
        self.canaries.add("VAULT_KEYS", stage.product.env["VAULT_KEYS"].partition(":")[2])
        self.canaries.add("client secret", stage.sandbox.client_secret)
        for email, password in stage.product.accounts.items():
            self.canaries.add(f"password of {email}", password)
        self.canaries.add("password", self.visitor.password)

    def learn(self) -> None:
        self.canaries.learn(self.stage, self.connections)

    def answer(self, flow: AuthorizationFlow, **asked: str) -> dict[str, str]:
        """What the service answers, with state, code and verifier noted."""
        self.canaries.add("state", flow.query["state"])
        self.learn()
        answer = flow.approve(**asked)
        if "code" in answer:
            self.canaries.add("code", answer["code"])
        return answer

    def connects(self, **asked: str) -> tuple[str, int]:
        flow = self.visitor.start_flow()
        came = self.visitor.open_callback(self.answer(flow, **asked))
        assert came.status_code == 302, came.text
        connection = came.headers["Location"].partition("new=")[2]
        self.connections.append(connection)
        self.learn()
        self.visitor.get(came.headers["Location"])
        return connection, flow.grant

    def reconnects(self, connection: str, **asked: str) -> str:
        """Gives the address to which the answer leads."""
        came = self.visitor.open_callback(self.answer(self.visitor.start_reconnect(connection), **asked))
        assert came.status_code == 302, came.text
        self.learn()
        return str(came.headers["Location"])

    def asks_by_api(self, program: Program, connection: str) -> None:
        """Reads of everything, a token, and a refresh; tokens are there to be seen in the token's answer alone."""
        self.learn()
        for method, path in (
            ("GET", "me/"),
            ("GET", "connections/"),
            ("GET", f"connections/{connection}/"),
            ("POST", f"connections/{connection}/refresh/"),
            ("GET", "api-keys/"),
        ):
            self.keep(program.call(method, path), f"API {method} {path}")
            self.learn()
        answer = program.token(connection)
        assert answer.status_code == 200, answer.text
        self.canaries.add("access token by API", answer.json()["access_token"])
        # In a page or an address a key has no place: what answers to that is searched, too.
        self.visitor.get(f"/api/v1/me/?api_key={program.key}")

    def keep(self, answer: "object", place: str) -> None:
        content = getattr(answer, "content", b"")
        self.visitor.seen.append(Shown(place, content, frozenset()))

    def makes_a_key(self) -> Program:
        program = self.visitor.make_key()
        self.canaries.add("API key", program.key)
        self.canaries.add("API key", program.key.split("_", 2)[2])
        page = self.visitor.get("/settings/api-keys/").text
        self.visitor.get(re.findall(r"/settings/api-keys/[0-9a-f-]+/revoke/", page)[0])
        return program

    def revokes_the_key(self) -> None:
        page = self.visitor.get("/settings/api-keys/").text
        assert self.visitor.post(re.findall(r"/settings/api-keys/[0-9a-f-]+/revoke/", page)[0]).status_code == 302

    def mail_to(self, address: str) -> str:
        mails = [path.read_text() for path in (self.product.var / "mail").iterdir()]
        mine = [text.replace("=\n", "") for text in mails if f"To: {address}" in text]
        assert mine, f"no mail to {address}"
        return mine[-1]

    def resets_the_password(self) -> None:
        somebody = Visitor(self.product, email=self.visitor.email)
        somebody.post("/accounts/password/reset/", {"email": somebody.email})
        mail = wait_for(lambda: self.mail_to(somebody.email), seconds=30)
        found = re.search(r"/accounts/password/reset/key/([0-9A-Za-z]+-([\w-]+))/", mail)
        assert found, mail
        self.canaries.add("reset key", found[2])
        page = somebody.get(found[0])
        new = token_urlsafe(16)
        self.canaries.add("new password", new)
        somebody.get(page.headers["Location"])
        somebody.post(page.headers["Location"], {"password1": "short", "password2": "short"})
        done = somebody.post(page.headers["Location"], {"password1": new, "password2": new})
        assert done.status_code == 302, done.text
        assert "password1" not in Visitor(self.product).get(found[0]).text  # used up
        self.visitor.seen += somebody.seen
        self.visitor.password = new
        self.visitor.browser.cookies.clear()
        self.visitor.post("/accounts/login/", {"login": self.visitor.email, "password": f"{new}-mistyped"})
        self.visitor.sign_in()

    def signs_up_somebody(self) -> None:
        somebody = Visitor(self.product, email=f"{token_hex(6)}@fernhill.example", password=token_urlsafe(16))
        self.canaries.add("password of a newcomer", somebody.password)
        fields = {"name": "Nils", "email": somebody.email, "password1": somebody.password}
        assert somebody.post("/accounts/signup/", fields).status_code == 302
        found = re.search(r"/accounts/confirm-email/([-:\w]+)/", self.mail_to(somebody.email))
        assert found
        self.canaries.add("confirmation key", found[1])
        somebody.get(found[0], shows=["confirmation key"])  # the form's own address
        somebody.post(found[0])
        self.visitor.seen += somebody.seen

    def invites_somebody(self) -> None:
        fields = {"emails": f"{token_hex(6)}@fernhill.example", "role": "member"}
        page = self.visitor.post("/settings/team/", fields, shows=["invitation token"])
        found = re.search(r"/invitations/([\w-]+)/", page.text)
        assert found, page.text
        self.canaries.add("invitation token", found[1])
        Visitor(self.product).get(found[0])
        self.visitor.get(found[0], shows=["invitation token"])
        self.visitor.post(found[0])
        self.visitor.get("/settings/team/")

    def saves_the_oauth_app(self) -> None:
        """Wrongly first, so that the form comes back with what was sent; then rightly."""
        listed = self.operator.get("/admin/integrations/oauthapp/").text
        path = re.findall(r"/admin/integrations/oauthapp/[0-9a-f-]{36}/change/", listed)[0]
        sandbox = self.stage.sandbox
        fields = {"client_id": sandbox.client_id, "secret": sandbox.client_secret, "secret_expires_on": ""}
        wrong = self.operator.post(path, fields | {"param_origin": "nowhere"})
        assert wrong.status_code == 200
        right = self.operator.post(path, fields | {"param_origin": sandbox.url})
        assert right.status_code == 302, right.text
        self.operator.get(path)
        self.operator.get(path.replace("/change/", "/history/"))

    def looks_everywhere(self) -> None:
        """The pages of a person and of an operator: every list of the administration, and the first row of each."""
        for path in ("/", "/plugins/", "/plugins/sandbox/", "/settings/integrations/", "/settings/audit-log/"):
            self.visitor.get(path)
        for path in ("/settings/team/", "/account/", "/accounts/sessions/", "/accounts/email/", "/api/schema/"):
            self.visitor.get(path)
        for path in sorted(set(re.findall(r'href="(/admin/[a-z_]+/[a-z_]+/)"', self.operator.get("/admin/").text))):
            listed = self.operator.get(path).text
            rows = re.findall(rf'href="({path}[^"?]+/change/)', listed)
            for row in rows[:2]:
                self.operator.get(row)
                self.operator.get(row.replace("/change/", "/history/"))

    def everything(self) -> list[Shown]:
        return [*self.visitor.seen, *self.operator.seen, *left_behind(self.stage)]


def fail_to_connect(story: Story) -> None:
    """A denied consent, a failing exchange, and a response from another issuer, sent twice and by a stranger."""
    stage, visitor = story.stage, story.visitor
    denied = visitor.start_flow()
    assert visitor.open_callback(story.answer(denied, decision="deny")).status_code == 400
    broken = visitor.start_flow()
    assert visitor.open_callback(story.answer(broken, scenario="down")).status_code == 400
    replayed = visitor.start_flow()
    answer = story.answer(replayed)
    visitor.open_callback(answer | {"iss": "https://attacker.example"})
    visitor.open_callback(answer)
    Visitor(stage.product).open_callback(answer)


def live(story: Story) -> None:
    """All flows, the failing ones too."""
    stage, visitor = story.stage, story.visitor
    story.saves_the_oauth_app()
    first, grant = story.connects(account="ada")
    second, _ = story.connects(account="grace")
    program = story.makes_a_key()
    story.asks_by_api(program, first)
    stage.inside.run(QUEUE, connections=[first])
    before = stage.inside.token_set(first)["version"]
    with running(stage.product, "worker"), running(stage.product, "beat"):
        wait_for(lambda: stage.inside.token_set(first)["version"] > before, seconds=60, why=stage.product.logs)
        story.learn()
        play(stage.sandbox, grant, "html")
        story.keep(program.call("POST", f"connections/{first}/refresh/"), "failed refresh")
        play(stage.sandbox, grant, "refresh_refused")
        stage.inside.expire(first)
        story.keep(program.call("POST", f"connections/{first}/refresh/"), "refused refresh")
        story.keep(program.token(first), "token of a red connection")
        visitor.post(f"/connections/{first}/refresh/")
        visitor.get("/settings/integrations/")
    story.reconnects(first, account="ada")
    undecided = story.reconnects(first, account="grace")
    visitor.get(undecided)
    decision = f"{urlsplit(undecided).path}decide/"
    assert visitor.post(decision, {"decision": "replace"}).status_code == 302
    story.learn()
    fail_to_connect(story)
    story.invites_somebody()
    story.signs_up_somebody()
    story.resets_the_password()
    story.looks_everywhere()
    # Without a worker, these stay in the queue to be looked at.
    stage.inside.run(QUEUE, connections=story.connections)
    assert visitor.post(f"/connections/{second}/disconnect/").status_code == 200
    story.revokes_the_key()
    refused = program.token(first)
    assert refused.status_code == 401
    story.keep(refused, "answer to a revoked key")


@pytest.mark.parametrize("stage", EVERYWHERE, indirect=True)
def test_no_secret_that_was_used_is_found_anywhere(stage: Stage) -> None:
    story = Story(stage)
    live(story)
    names = {name.partition(" ")[0] for name in story.canaries.values}
    assert {"access_token", "refresh_token", "pending", "PKCE", "state", "code", "client", "API", "reset"} <= names
    places = story.everything()
    found = story.canaries.found(places)
    assert not found, "\n".join(found)
    assert {place.place.partition(" ")[0] for place in places} >= {"file", "table", "dumpdata", "answer"}
    plant(stage)


def plant(stage: Stage) -> None:
    """The search itself is tried: one more secret, put where each kind of place would leak it, is found in each."""
    planted = Canaries()
    value = token_urlsafe(32)
    planted.add("planted", value)
    stage.inside.run(PLANT, value=value)
    stage.inside.run("from apps.connections import tasks\ntasks.refresh_some.delay([(value, 1)])", value=value)
    log = stage.product.log_dir / "planted.log"
    log.write_text(f"GET /x?token={value}")
    try:
        found = " ".join(planted.found([*left_behind(stage), Shown("page", f"<p>{value}</p>".encode(), frozenset())]))
    finally:
        log.unlink()
    expected = ["file logs/planted.log", "page", "dumpdata", "table teams_team"]
    expected += (
        ["Redis", "celery"] if stage.redis else ["file var/queue/", "file var/cache/", "file var/specway.sqlite3"]
    )
    assert [place for place in expected if place not in found] == []
