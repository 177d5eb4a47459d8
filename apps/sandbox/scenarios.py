"""What can be played through: each scenario with its sentence, and what it makes of an answer. Plain Python."""

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
    sentence: str


# The sentences are read at sign-in and beside a grant that exists already.
CHOICES = (
    Choice(Scenario.WORKS, "Everything works", "Nothing fails."),
    Choice(Scenario.DENY, "I deny", "The consent page only offers Deny; the client hears access_denied."),
    Choice(Scenario.PARTIAL, "I grant only part", "On the consent page only the first permission is ticked."),
    Choice(Scenario.OTHER_ACCOUNT, "Sign in as the other person", "Whichever account you choose, the other one comes."),
    Choice(Scenario.SLOW, "The service is slow", "Every answer takes three seconds. Connecting works."),
    Choice(
        Scenario.DOWN, "The service is down", "Every answer is 503, “try again in five seconds”. Connecting fails, too."
    ),
    Choice(
        Scenario.HTML, "HTML instead of JSON", "Every answer is an HTML page with status 200. Connecting fails, too."
    ),
    Choice(
        Scenario.REVOKED,
        "The grant is revoked",
        "The access token is refused (401) and refreshing answers invalid_grant. "
        "Connecting works: /api/me answers once, so that the account is known.",
    ),
    Choice(
        Scenario.REFRESH_REFUSED,
        "Refreshing is refused",
        "Refreshing answers invalid_grant, while the access token lives out its time. Connecting works.",
    ),
    Choice(
        Scenario.SCOPE_REMOVED,
        "A permission is taken away",
        "The next refresh brings one permission less: the most powerful. Connecting works with all that you grant.",
    ),
)

# These are about the trip itself; a grant that exists is past them.
_ONLY_ON_THE_TRIP = {Scenario.DENY, Scenario.PARTIAL, Scenario.OTHER_ACCOUNT}
LATER_CHOICES = tuple(choice for choice in CHOICES if choice.scenario not in _ONLY_ON_THE_TRIP)


def lasting(scenario: Scenario) -> Scenario:
    """What remains of a scenario once consent is given."""
    return Scenario.WORKS if scenario in _ONLY_ON_THE_TRIP else scenario


def refuses_refresh(scenario: str) -> bool:
    return scenario in {Scenario.REVOKED, Scenario.REFRESH_REFUSED}


def refuses_access(scenario: str, *, introduced: bool) -> bool:
    """A revoked grant is still good for one look at the account, else nobody could connect and lose it."""
    return scenario == Scenario.REVOKED and introduced


def scopes_after_refresh(scenario: str, granted: list[str]) -> list[str]:
    """The scopes that a refresh brings, given those of the consent (ordered, most powerful last)."""
    return granted[:-1] if scenario == Scenario.SCOPE_REMOVED and len(granted) > 1 else granted
