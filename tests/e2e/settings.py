"""The product's own settings, for processes whose clock a test sets."""

from config.settings import *  # noqa: F403

INSTALLED_APPS = [*INSTALLED_APPS, "tests.e2e"]  # noqa: F405
