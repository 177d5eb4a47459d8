"""Signals that teams sends to packages above it."""

from django.dispatch import Signal

# Sent in the transaction that ends a membership, before it is deleted. Arguments: `membership`, `origin`.
membership_ending = Signal()

# Sent before an API key is revoked. Argument: `api_key`. Receivers return what depends on it: rows with `name` and
# `last_used_at`.
api_key_dependents = Signal()
