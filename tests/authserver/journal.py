"""The journal of the server's calls, and the check that no refresh token was used twice."""

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Call:
    """One request. `accepted`: its code or refresh token was consumed, whatever the response."""

    path: str
    grant_type: str = ""
    refresh_token: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    accepted: bool = False
    family_revoked: bool = False
    form: dict[str, str] = field(default_factory=dict, repr=False)


class Journal:
    """All calls in the order of completion."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def write(self, call: Call) -> None:
        with self._lock:
            self._calls.append(call)

    @property
    def calls(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    @property
    def token_calls(self) -> list[Call]:
        return [call for call in self.calls if call.path == "/o/token/"]

    @property
    def refreshes(self) -> list[Call]:
        return [call for call in self.token_calls if call.grant_type == "refresh_token"]

    @property
    def revoked(self) -> list[str]:
        """The known tokens sent to the revocation endpoint."""
        return [call.token for call in self.calls if call.path == "/o/revoke_token/" and call.accepted]

    def check(self) -> None:
        """At most one accepted use of each refresh token, and no family revoked because one was used again."""
        uses = Counter(call.refresh_token for call in self.refreshes if call.accepted)
        assert max(uses.values(), default=0) <= 1, "a refresh token was accepted more than once"
        assert not any(call.family_revoked for call in self.calls), "a used refresh token came back: family revoked"
