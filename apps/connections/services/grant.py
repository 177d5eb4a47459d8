"""The grant of an authorization flow: a token response with its account."""

import json
from dataclasses import dataclass, field

from apps.connections.models import AuthorizationAttempt
from apps.connections.policy import scopes
from apps.connections.policy.accounts import Account
from apps.connections.services.connection_params import tenant_in
from apps.connections.services.token_values import from_json, to_json
from apps.oauth.account import PlacementChoice
from apps.oauth.token_response import TokenResponse


@dataclass(frozen=True)
class Grant:
    """A token response with its account and the parameter values that came with it.

    `site` is the name of the site that was chosen. With `choices`, a person has to choose first.
    """

    response: TokenResponse
    subject: str
    label: str
    params: dict[str, str] = field(default_factory=dict)
    site: str = ""
    choices: tuple[PlacementChoice, ...] = ()

    def to_json(self) -> str:
        """As JSON for the attempt's encrypted column, while the person decides."""
        values = {name: getattr(self, name) for name in ("subject", "label", "params", "site")}
        choices = [[dict(choice.values), choice.label] for choice in self.choices]
        return json.dumps({"response": to_json(self.response), **values, "choices": choices})

    @classmethod
    def from_json(cls, text: str) -> "Grant":
        data = json.loads(text)
        choices = tuple(PlacementChoice(values, label) for values, label in data.pop("choices", []))
        return cls(from_json(data.pop("response")), choices=choices, **data)


def account_in(attempt: AuthorizationAttempt, grant: Grant) -> Account:
    """The account of a grant."""
    return Account(grant.subject, grant.label, tenant_in(attempt.integration, attempt.params | grant.params))


def granted_scopes(attempt: AuthorizationAttempt, grant: Grant) -> list[str]:
    """The scopes of the token response, else those requested."""
    return scopes.granted(answered=grant.response.scopes, requested=attempt.scopes_requested)
