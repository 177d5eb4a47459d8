"""Parsing VAULT_KEYS."""

import base64
import secrets

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.vault.keyring import ConfigurationError, KeyRing
from tests.vault.keys import new_key


def test_the_first_key_is_primary_and_all_are_kept():
    ring = KeyRing.parse(f"new:{new_key()}, old:{new_key()}")
    assert ring.primary == "new"
    assert list(ring.keys) == ["new", "old"]
    assert all(len(key) == 32 for key in ring.keys.values())


def test_a_key_in_the_url_safe_alphabet_is_accepted():
    key = secrets.token_bytes(32)
    assert KeyRing.parse("a:" + base64.urlsafe_b64encode(key).decode()).keys["a"] == key


def test_the_ring_does_not_show_its_keys():
    key = new_key()
    ring = KeyRing.parse(f"a:{key}")
    assert key not in repr(ring)
    assert repr(ring.keys["a"]) not in repr(ring)


@pytest.mark.parametrize("text", ["", "  ", ",", " , "])
def test_an_empty_key_ring_is_rejected(text):
    with pytest.raises(ConfigurationError, match="VAULT_KEYS is empty"):
        KeyRing.parse(text)


def test_a_duplicate_key_id_is_rejected():
    with pytest.raises(ConfigurationError, match="'a' twice"):
        KeyRing.parse(f"a:{new_key()},a:{new_key()}")


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_key_of_another_length_is_rejected_without_showing_it(length):
    encoded = base64.b64encode(secrets.token_bytes(length)).decode()
    with pytest.raises(ConfigurationError, match=f"{length} bytes instead of 32") as refusal:
        KeyRing.parse(f"a:{encoded}")
    assert not encoded or encoded not in str(refusal.value)


def test_invalid_base64_is_rejected_without_showing_it():
    with pytest.raises(ConfigurationError, match="not valid base64") as refusal:
        KeyRing.parse("a:" + "!" + new_key())
    assert "!" not in str(refusal.value)


@pytest.mark.parametrize("kid", ["", "with space", "dotted.id", "x" * 33, "ü"])
def test_an_invalid_key_id_is_rejected_without_showing_the_entry(kid):
    key = new_key()
    with pytest.raises(ConfigurationError, match="Entry 2") as refusal:
        KeyRing.parse(f"a:{new_key()},{kid}:{key}")
    assert key not in str(refusal.value)


def test_a_key_without_an_id_is_rejected_without_showing_it():
    key = new_key()
    with pytest.raises(ConfigurationError) as refusal:
        KeyRing.parse(key)
    assert key not in str(refusal.value)


def test_an_invalid_key_ring_is_an_improper_configuration():
    assert issubclass(ConfigurationError, ImproperlyConfigured)
