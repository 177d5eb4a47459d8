"""What a trip sets out with, whichever protocol it follows."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AuthorizationRequest:
    """`state` recognises the answer, `secret` (a PKCE verifier, a request token's secret) stays here, `url` is the
    consent page."""

    state: str = field(repr=False)
    secret: str | None = field(repr=False)
    url: str = field(repr=False)
