"""One finding of *Check configuration*. Pure."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "advice", "fault"]


@dataclass(frozen=True)
class Finding:
    """`code` is stable; `fix` is empty where there is nothing to correct; `field` is the form field it concerns."""

    code: str
    severity: Severity
    title: str
    sentence: str
    fix: str = ""
    field: str = ""
    # What *Add it and save* adds to the authorization request.
    offer: str = ""
