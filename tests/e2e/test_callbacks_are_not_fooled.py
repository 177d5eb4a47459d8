"""Answers that are not the service's to this person's flow: 400 with a page that helps, no token call, an audit event.

Each starts with a true answer whose code the service would take, so that only the product's own checks stand between.
"""

import re
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from tests.e2e.cast import AuthorizationFlow, Visitor, newcomer
from tests.e2e.conftest import Stage

pytestmark = pytest.mark.xdist_group("e2e_sqlite")

HTML = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
AGE = """
from datetime import timedelta
from apps.sql import Now
from apps.connections.models import AuthorizationAttempt
from apps.connections.services.attempts import hashed
answer = AuthorizationAttempt.objects.filter(state_hash=hashed(state)).update(expires_at=Now() - timedelta(seconds=1))
"""
Query = list[tuple[str, str]]


@dataclass
class Scene:
    """A visitor whose authorization request the service has answered, and what is recorded before the callback."""

    stage: Stage
    visitor: Visitor
    flow: AuthorizationFlow
    answer: dict[str, str]
    calls: int = field(init=False)
    events: int = field(init=False)

    def __post_init__(self) -> None:
        self.calls, self.events = self.token_calls(), len(self.failures())

    def token_calls(self) -> int:
        return sum(line["endpoint"] == "token" for line in self.stage.sandbox.journal())

    def failures(self) -> list[list[str]]:
        events = self.stage.inside.audited("authorization.")
        return [event for event in events if event[0] in ("authorization.rejected", "authorization.failed")]

    def is_refused(
        self, query: dict[str, str] | Query, *, code: str, by: Visitor | None = None, path: str = "/oauth/callback"
    ) -> str:
        """The page that the answer brings: a refusal that helps, gives nothing away and is audited with `code`."""
        page = (by or self.visitor).open_callback(query, path)
        assert page.status_code == 400, page.text
        assert "Not connected" in page.text
        assert 'href="/help/' in page.text
        assert re.search(r"Start again|Back to Integrations", page.text)
        assert "<script>" not in page.text
        assert "<img" not in page.text
        assert not [value for value in (self.answer.get("code"), self.answer["state"]) if value and value in page.text]
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in page.headers["Cache-Control"]
        assert self.token_calls() == self.calls
        assert [event[1] for event in self.failures()[self.events :]] == [code]
        return str(page.text)


@pytest.fixture(scope="module")
def visitor(on_sqlite: Stage) -> Visitor:
    """The same for all tests: the product takes only so many logins a minute from one address."""
    return newcomer(on_sqlite.product, on_sqlite.inside)


@pytest.fixture
def scene(on_sqlite: Stage, visitor: Visitor) -> Scene:
    flow = visitor.start_flow()
    return Scene(on_sqlite, visitor, flow, flow.approve())


def test_a_true_answer_connects_and_replayed_it_is_refused(scene: Scene) -> None:
    assert scene.visitor.open_callback(scene.answer).status_code == 302
    scene.calls += 1
    assert "used already" in scene.is_refused(scene.answer, code="replayed_state")


def test_the_answer_to_another_person_is_refused_and_still_good_for_the_right_one(scene: Scene) -> None:
    somebody = newcomer(scene.stage.product, scene.stage.inside)
    scene.is_refused(scene.answer, code="foreign_state", by=somebody)
    assert scene.visitor.open_callback(scene.answer).status_code == 302


def test_the_answer_to_another_session_of_the_same_person_is_refused(scene: Scene) -> None:
    elsewhere = Visitor(scene.stage.product, email=scene.visitor.email, password=scene.visitor.password)
    elsewhere.sign_in()
    scene.is_refused(scene.answer, code="foreign_state", by=elsewhere)


def test_the_answer_in_a_session_that_began_after_signing_out_is_refused(scene: Scene) -> None:
    assert scene.visitor.post("/accounts/logout/").status_code == 302
    scene.visitor.sign_in()
    scene.is_refused(scene.answer, code="foreign_state")


def test_an_answer_after_ten_minutes_is_refused(scene: Scene) -> None:
    assert scene.stage.inside.run(AGE, state=scene.answer["state"]) == 1
    assert "ten minutes" in scene.is_refused(scene.answer, code="expired")


@pytest.mark.parametrize("missing", ["state", "code"])
def test_an_answer_without_state_or_code_is_refused(scene: Scene, missing: str) -> None:
    query = {name: value for name, value in scene.answer.items() if name != missing}
    scene.is_refused(query, code="invalid_callback")


@pytest.mark.parametrize("twice", ["code", "state", "iss"])
def test_an_answer_that_says_something_twice_is_refused(scene: Scene, twice: str) -> None:
    scene.is_refused([*scene.answer.items(), (twice, scene.answer[twice])], code="invalid_callback")


def test_an_unknown_state_is_refused(scene: Scene) -> None:
    scene.is_refused(scene.answer | {"state": "A" * 43}, code="unknown_state")


@pytest.mark.parametrize("issuer", ["https://attacker.example", "", "{sandbox}/", None])
def test_an_answer_of_another_issuer_or_of_none_is_refused_for_good(scene: Scene, issuer: str | None) -> None:
    query = {name: value for name, value in scene.answer.items() if name != "iss"}
    if issuer is not None:
        query["iss"] = issuer.format(sandbox=scene.stage.sandbox.url)
    scene.is_refused(query, code="issuer_mismatch")
    # The state is used up: a tampered callback gets no second try.
    scene.events += 1
    scene.is_refused(scene.answer, code="replayed_state")


def test_an_answer_on_the_path_of_another_integration_is_refused(scene: Scene) -> None:
    scene.is_refused(scene.answer, code="wrong_redirect_uri", path=f"/oauth/callback/{uuid4()}")


def test_an_error_counts_even_beside_a_code(scene: Scene) -> None:
    assert "declined" in scene.is_refused(scene.answer | {"error": "access_denied"}, code="access_denied")


@pytest.mark.parametrize(
    ("error", "code"),
    [("access_denied", "access_denied"), ("server_error", "server_error"), (HTML, "unrecognized")],
    ids=["denied", "failed", "html"],
)
def test_what_a_service_says_in_html_is_escaped(scene: Scene, error: str, code: str) -> None:
    query = {name: value for name, value in scene.answer.items() if name != "code"}
    said = {"error": error, "error_description": HTML, "error_uri": f"javascript:{HTML}"}
    page = scene.is_refused(query | said, code=code)
    assert "javascript:" not in page
    # The page of the authorization request shows it again.
    shown = scene.visitor.get("/plugins/sandbox/").text + scene.visitor.get("/settings/audit-log/").text
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown


def test_what_a_stranger_says_in_html_is_not_even_shown(scene: Scene) -> None:
    query = {"state": HTML, "error": "access_denied", "error_description": HTML}
    page = scene.is_refused(query, code="unknown_state")
    assert "alert(1)" not in page


def test_a_denial_is_reported_to_the_person(scene: Scene) -> None:
    answer = scene.visitor.start_flow().approve(decision="deny")
    scene.answer = answer
    assert "declined" in scene.is_refused(answer, code="access_denied")
