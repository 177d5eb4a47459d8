"""Every audited action has a label."""

from apps.audit.messages import MESSAGES, action_label
from tests.audit.actions import recorded_actions


def test_each_recorded_action_has_a_label() -> None:
    known = {
        action
        for action in recorded_actions()
        if action in MESSAGES or (action.endswith(".") and any(word.startswith(action) for word in MESSAGES))
    }
    assert set(recorded_actions()) - known == set()


def test_the_search_finds_actions_of_the_packages() -> None:
    assert {"api_key.created", "team.renamed", "second_factor.on", "logout"} <= set(recorded_actions())


def test_an_unknown_action_is_its_own_label() -> None:
    assert action_label("toaster.warmed") == "toaster.warmed"
