"""Measurements too long for a test run, each a command: `python -m tests.bench.<name>`. Exit code 1: too bad."""

import os

# Some import the product's lists, whose texts are marked for translation; those that set up Django choose their own.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
