"""The scenarios: their labels and descriptions, and their effects on tokens. Without Django."""

from enum import StrEnum
from typing import NamedTuple

RETRY_AFTER_SECONDS = 5
SLOW_SECONDS = 3


class Scenario(StrEnum):
    WORKS = "works"
    DENY = "deny"
    PARTIAL = "partial"
    OTHER_ACCOUNT = "other_account"
    SLOW = "slow"
    DOWN = "down"
    HTML = "html"
    REVOKED = "revoked"
    REFRESH_REFUSED = "refresh_refused"
    SCOPE_REMOVED = "scope_removed"


class Choice(NamedTuple):
    scenario: Scenario
    label: str
    description: str


# Shown at sign-in and beside a grant.
CHOICES = (
    Choice(Scenario.WORKS, "Everything works", "Nothing fails."),
    Choice(Scenario.DENY, "I deny", "The consent page only offers Deny; the client receives access_denied."),
    Choice(Scenario.PARTIAL, "I grant only part", "On the consent page only the first permission is ticked."),
    Choice(
        Scenario.OTHER_ACCOUNT,
        "Sign in as the other person",
        "You are signed in to the other account than the one you choose.",
    ),
    Choice(Scenario.SLOW, "The service is slow", "Every response takes three seconds. Connecting works."),
    Choice(Scenario.DOWN, "The service is down", "Every response is 503 with Retry-After: 5. Connecting fails, too."),
    Choice(
        Scenario.HTML, "HTML instead of JSON", "Every response is an HTML page with status 200. Connecting fails, too."
    ),
    Choice(
        Scenario.REVOKED,
        "The grant is revoked",
        "The access token is rejected (401), and refreshing fails with invalid_grant. "
        "Connecting works: /api/me succeeds once, so that the account is known.",
    ),
    Choice(
        Scenario.REFRESH_REFUSED,
        "Refreshing is refused",
        "Refreshing fails with invalid_grant; the access token stays valid until it expires. Connecting works.",
    ),
    Choice(
        Scenario.SCOPE_REMOVED,
        "A permission is taken away",
        "The next refresh returns one permission less, the most powerful one. Connecting works with all of them.",
    ),
)

# These change the authorization flow only, not the grant.
_FLOW_ONLY = {Scenario.DENY, Scenario.PARTIAL, Scenario.OTHER_ACCOUNT}
LATER_CHOICES = tuple(choice for choice in CHOICES if choice.scenario not in _FLOW_ONLY)


def lasting(scenario: Scenario) -> Scenario:
    """The scenario of the grant, after the consent."""
    return Scenario.WORKS if scenario in _FLOW_ONLY else scenario


def refuses_refresh(scenario: str) -> bool:
    return scenario in {Scenario.REVOKED, Scenario.REFRESH_REFUSED}


def refuses_access(scenario: str, *, account_read: bool) -> bool:
    """A revoked grant allows one call of /api/me, since a client that cannot read the account does not connect."""
    return scenario == Scenario.REVOKED and account_read


def scopes_after_refresh(scenario: str, granted: list[str]) -> list[str]:
    """The scopes of a refreshed token. `granted` are those of the consent, most powerful last."""
    return granted[:-1] if scenario == Scenario.SCOPE_REMOVED and len(granted) > 1 else granted
