"""Measurements too long for a test run, each a command: `python -m tests.bench.<name>`. Exit code 1: too bad."""
