"""The product's own settings, for processes that tests drive: with fault points, and times that a test can shorten."""

import json
import os
from datetime import timedelta

from apps.connections.policy import refresh_policy

# Before anything else imports them: {"LEASE": 1.5} in FAULT_TIMES is what this process takes for refresh_policy.LEASE.
for _name, _seconds in json.loads(os.environ.get("FAULT_TIMES", "{}")).items():
    getattr(refresh_policy, _name)  # a name that the policy does not know would change nothing
    setattr(refresh_policy, _name, timedelta(seconds=_seconds))

from config.settings import *  # noqa: E402, F403 - the policy above must be changed before

FAULT_POINTS = "tests.faults.points.reached"
INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults"]  # noqa: F405
