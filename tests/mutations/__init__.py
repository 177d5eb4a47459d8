"""Protections that are taken out one at a time, to see that a test fails without each: `python -m tests.mutations`."""
