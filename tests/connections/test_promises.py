"""What pages promise about access to connections is what the permission rules allow."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.connections.api.tokens import TokenView
from apps.connections.models import Connection
from apps.connections.policy.access import may_manage, may_see, may_share, may_take_token, may_use
from apps.connections.policy.promises import PROMISES
from apps.teams.actor import Actor
from apps.teams.keys import SCOPES
from tests.connections.test_access import Stage, stage

__all__ = ["stage"]

TEMPLATES = Path(__file__).parents[2] / "templates"
# Words that promise something for all cases; such sentences belong in PROMISES.
ABSOLUTE = re.compile(
    r"\b(nobody|no one|whoever|whatever|only you|only the owner|only its owner|everybody|somebody)\b", re.IGNORECASE
)

Rule = Callable[[Actor, Connection], bool]
ADMINS = {"admin", "team owner"}
# By promise and sharing: each rule that the sentence describes, and all the actors to whom it applies.
HOLDERS: dict[str, dict[str, list[tuple[Rule, set[str]]]]] = {
    "secret": {
        "personal": [(may_take_token, {"owner"})],
        "by name": [(may_take_token, {"owner"})],
        "use": [(may_take_token, {"owner", "service"})],
        "manage": [(may_take_token, {"owner", "service"})],
    },
    "everyone": {"use": [(may_use, {"owner", "other", "service", *ADMINS})]},
    "members": {"by name": [(may_use, {"owner", "other", *ADMINS})]},
    "personal": {"personal": [(may_use, {"owner"}), (may_share, {"owner"})]},
    "admins": {
        "personal": [
            (may_see, {"owner", *ADMINS}),
            (may_manage, {"owner", *ADMINS}),
            (may_use, {"owner"}),
        ],
        "shared with no one": [(may_see, {"owner", *ADMINS}), (may_manage, {"owner", *ADMINS})],
    },
}
CASES = [
    pytest.param(sharing, rules, id=f"{name}-{sharing}")
    for name, by_sharing in HOLDERS.items()
    for sharing, rules in by_sharing.items()
]


@pytest.mark.django_db
@pytest.mark.parametrize(("stage", "rules"), CASES, indirect=["stage"])
def test_each_promise_matches_the_permission_rules(stage: Stage, rules: list[tuple[Rule, set[str]]]) -> None:
    for rule, holders in rules:
        allowed = {name for name, actor in stage.actors.items() if rule(actor, stage.connection)}
        assert allowed == holders, rule.__name__


def test_every_promise_has_rules_to_compare_with() -> None:
    assert set(PROMISES) == set(HOLDERS)


def test_the_promise_about_secrets_names_the_scope_that_the_endpoint_requires() -> None:
    assert SCOPES[TokenView.required_scope].label in PROMISES["secret"]


def test_no_template_makes_a_promise_of_its_own() -> None:
    texts = {
        path: re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", " ", path.read_text(), flags=re.DOTALL)
        for path in TEMPLATES.rglob("*.*")
    }
    assert {str(path): found for path, text in texts.items() if (found := ABSOLUTE.findall(text))} == {}
