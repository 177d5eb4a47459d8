"""The server's rules: codes, token families and rotation. A family is all tokens of one consent."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Literal

Rotation = Literal["none", "grace", "strict"]


@dataclass
class Family:
    """One grant. `used` are rotated refresh tokens, whose reuse strict servers detect."""

    subject: str
    scopes: list[str]
    challenge: str = ""
    redirect_uri: str = ""
    refresh_token: str = field(default="", repr=False)
    access_tokens: list[str] = field(default_factory=list, repr=False)
    used: list[str] = field(default_factory=list, repr=False)
    revoked: bool = False

    def issue(self, *, rotate: bool) -> None:
        self.access_tokens.append("at-" + secrets.token_urlsafe(24))
        if rotate or not self.refresh_token:
            if self.refresh_token:
                self.used.append(self.refresh_token)
            self.refresh_token = "rt-" + secrets.token_urlsafe(24)


class Refused(Exception):
    """An OAuth error with its code."""

    def __init__(self, code: str, *, family_revoked: bool = False) -> None:
        super().__init__(code)
        self.code, self.family_revoked = code, family_revoked


class Grants:
    """All grants of the server. Not thread-safe; the server holds its lock."""

    def __init__(self) -> None:
        self.codes: dict[str, Family] = {}
        self.families: list[Family] = []

    def redeem(self, form: dict[str, str]) -> Family:
        family = self.codes.pop(form.get("code", ""), None)
        if family is None:
            raise Refused("invalid_grant")
        if family.redirect_uri and form.get("redirect_uri") != family.redirect_uri:
            raise Refused("invalid_grant")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if family.challenge and base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != family.challenge:
            raise Refused("invalid_grant")
        self.families.append(family)
        family.issue(rotate=True)
        return family

    def for_client(self, scopes: list[str]) -> Family:
        """Client credentials grant (RFC 6749, 4.4): no refresh token."""
        family = Family("the-client", scopes)
        family.access_tokens.append("at-" + secrets.token_urlsafe(24))
        self.families.append(family)
        return family

    def refresh(self, token: str, rotation: Rotation) -> Family:
        for family in self.families:
            if token == family.refresh_token and not family.revoked:
                family.issue(rotate=rotation != "none")
                return family
            if token in family.used and not family.revoked:
                return self._again(family, token, rotation)
        raise Refused("invalid_grant")

    def _again(self, family: Family, token: str, rotation: Rotation) -> Family:
        """Reuse: within the grace period the latest token is valid once more, otherwise the family is revoked."""
        if rotation == "grace" and token == family.used[-1]:
            family.issue(rotate=False)
            return family
        family.revoked = True
        raise Refused("invalid_grant", family_revoked=True)

    def revoke(self, token: str) -> bool:
        """Revoke the family of a refresh token, or an access token only. False if the token is unknown."""
        for family in self.families:
            if token in (family.refresh_token, *family.used):
                family.revoked = True
                return True
            if token in family.access_tokens:
                family.access_tokens.remove(token)
                return True
        return False

    def owner_of(self, access_token: str) -> Family | None:
        return next((f for f in self.families if access_token in f.access_tokens and not f.revoked), None)
