"""The doctor of a team's own APIs: from what was observed at its server to findings in words. Pure; the observing is
`services/doctor.py`."""

from apps.integrations.custom_apis.doctor.finding import Finding
from apps.integrations.custom_apis.doctor.findings import findings
from apps.integrations.custom_apis.doctor.observations import Observations, PageSeen, TokenReply

__all__ = ["Finding", "Observations", "PageSeen", "TokenReply", "findings"]
