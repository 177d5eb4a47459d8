"""*Check configuration* of a custom API: `check` observes its server, `findings` explains the observations (pure)."""

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.findings import findings
from apps.integrations.custom_apis.doctor.observations import Observations, PageSeen, TokenReply

__all__ = ["Finding", "Observations", "PageSeen", "TokenReply", "findings"]
