"""Whether two grants are of the same account: compared within a tenant, by subject, else by label. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Sameness(Enum):
    """The result of a comparison. Unknown is never treated as the same."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Account:
    """An account at one service: what is unique within a tenant is compared within that tenant.

    `tenant` holds the parameter values that choose the tenant (a subdomain, a site); `subject` is the stable ID and
    `label` the human name, each empty if the service does not report it.
    """

    subject: str
    label: str
    tenant: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        """Whether the service reports anything that can be compared."""
        return bool(self.subject or self.label)

    @property
    def has_label_as_subject(self) -> bool:
        """Whether the subject is the label: an e-mail address or a login, which can change."""
        return self.subject == self.label


def compare(one: Account, other: Account) -> Sameness:
    """Compare two accounts of the same service."""
    in_both = one.tenant.keys() & other.tenant.keys()  # a value that was not required before is not another tenant
    if any(one.tenant[name] != other.tenant[name] for name in in_both):
        return Sameness.OTHER
    if one.subject and other.subject:
        if one.subject == other.subject:
            return Sameness.SAME
        if one.has_label_as_subject is other.has_label_as_subject:
            return Sameness.OTHER
        # One was stored before the catalog knew a stable ID of this service. Other labels may still be one account.
        return Sameness.SAME if one.label == other.label else Sameness.UNKNOWN
    if one.label and other.label:
        return Sameness.SAME if one.label == other.label else Sameness.OTHER
    return Sameness.UNKNOWN
