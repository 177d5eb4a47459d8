"""Signals that teams sends to the packages above it."""

from django.dispatch import Signal

# Before a membership ends, in the transaction that ends it. Arguments: `membership`, `origin`.
membership_ending = Signal()

# Asks what depends on an API key before it is revoked. Argument: `api_key`. Receivers return rows with `name` and
# `last_used_at`.
api_key_dependents = Signal()
