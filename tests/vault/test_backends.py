"""The key back ends. hvac and boto3 are optional, so fakes respond as their documentation describes."""

import base64
import sys

import pytest

from apps.vault import backends
from apps.vault.backends import BackendChain, KmsKey, LocalRing, TransitKey
from apps.vault.errors import UnwrapFailed
from apps.vault.keyring import ConfigurationError, KeyRing
from tests.vault.keys import new_key


class FakeTransit:
    """`hvac.Client().secrets.transit`, as far as it is used: base64 in, "vault:v<version>:..." out."""

    def __init__(self):
        self.secrets = self
        self.transit = self
        self.version = 1
        self.kept = {}

    def read_key(self, name, mount_point):
        return {"data": {"latest_version": self.version}}

    def encrypt_data(self, name, plaintext, mount_point):
        ciphertext = f"vault:v{self.version}:{len(self.kept)}"
        self.kept[ciphertext] = base64.b64decode(plaintext)
        return {"data": {"ciphertext": ciphertext}}

    def decrypt_data(self, name, ciphertext, mount_point):
        return {"data": {"plaintext": base64.b64encode(self.kept[ciphertext]).decode()}}


class FakeKms:
    """`boto3.client("kms")`, as far as it is used: refuses another encryption context, as AWS does."""

    def __init__(self):
        self.kept = {}

    def encrypt(self, KeyId, Plaintext, EncryptionContext):
        blob = str(len(self.kept)).encode()
        self.kept[blob] = (KeyId, Plaintext, EncryptionContext)
        return {"CiphertextBlob": blob}

    def decrypt(self, KeyId, CiphertextBlob, EncryptionContext):
        key, plaintext, context = self.kept[CiphertextBlob]
        if (key, context) != (KeyId, EncryptionContext):
            raise PermissionError("InvalidCiphertextException with " + plaintext.hex())
        return {"Plaintext": plaintext}


def ring(*kids):
    return LocalRing(KeyRing.parse(",".join(f"{kid}:{new_key()}" for kid in kids)))


@pytest.fixture(params=["local", "transit fake", "kms fake", "transit fake before local"])
def backend(request):
    return {
        "local": lambda: ring("a"),
        "transit fake": lambda: TransitKey(FakeTransit(), "transit", "specway"),
        "kms fake": lambda: KmsKey(FakeKms(), "arn:aws:kms:eu-west-1:1:key/1"),
        "transit fake before local": lambda: BackendChain((TransitKey(FakeTransit(), "t", "s"), ring("a"))),
    }[request.param]()


def test_a_wrapped_key_is_unwrapped(backend):
    data_key = b"k" * 32
    kid, wrapped = backend.wrap(data_key, b"here")
    assert kid == backend.primary()
    assert ":" not in kid
    assert backend.knows(kid)
    assert backend.unwrap(kid, wrapped, b"here") == data_key


def test_a_key_wrapped_for_one_row_is_not_unwrapped_for_another(backend):
    kid, wrapped = backend.wrap(b"k" * 32, b"here")
    with pytest.raises(UnwrapFailed) as failure:
        backend.unwrap(kid, wrapped, b"there")
    assert (b"k" * 32).hex() not in str(failure.value)


def test_an_unknown_key_is_not_known(backend):
    assert not backend.knows("never-made")


def test_the_local_ring_unwraps_with_every_key_and_wraps_with_the_first():
    one, two = new_key(), new_key()
    kid, wrapped = LocalRing(KeyRing.parse(f"one:{one}")).wrap(b"k" * 32, b"")
    both = LocalRing(KeyRing.parse(f"two:{two},one:{one}"))
    assert both.unwrap(kid, wrapped, b"") == b"k" * 32
    assert both.wrap(b"k" * 32, b"")[0] == "two"


def test_the_key_id_of_transit_has_the_version_that_wrapped():
    stand_in = FakeTransit()
    key = TransitKey(stand_in, "transit", "specway")
    first, wrapped = key.wrap(b"k" * 32, b"")
    stand_in.version = 2
    assert (first, key.primary()) == ("transit.1", "transit.2")
    assert key.unwrap(first, wrapped, b"") == b"k" * 32


def test_local_keys_still_unwrap_after_a_change_of_backend():
    local = ring("a")
    kid, wrapped = local.wrap(b"k" * 32, b"")
    moved = BackendChain((KmsKey(FakeKms(), "key"), local))
    assert moved.unwrap(kid, wrapped, b"") == b"k" * 32
    assert moved.wrap(b"k" * 32, b"")[0] == moved.primary() != kid
    with pytest.raises(UnwrapFailed, match="'unknown'"):
        moved.unwrap("unknown", wrapped, b"")


def test_an_error_of_a_key_service_is_reported_without_its_message():
    class Away:
        def encrypt(self, **what):
            raise ConnectionError("https://user:pass@kms.internal")

    with pytest.raises(UnwrapFailed, match=r"AWS KMS.*ConnectionError") as failure:
        KmsKey(Away(), "key").wrap(b"k" * 32, b"")
    assert "pass" not in str(failure.value)


@pytest.mark.parametrize(("name", "package", "extra"), [("transit", "hvac", "vault"), ("aws-kms", "boto3", "aws")])
def test_the_error_names_the_extra_to_install(settings, monkeypatch, name, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    settings.VAULT_BACKEND, settings.VAULT_KMS_KEY = name, "key-of-this-test"
    with pytest.raises(ConfigurationError, match=f"needs {package}. Install the extra '{extra}'"):
        backends.active()


def test_kms_requires_the_id_of_its_key(settings):
    settings.VAULT_BACKEND, settings.VAULT_KMS_KEY = "aws-kms", ""
    with pytest.raises(ConfigurationError, match="VAULT_KMS_KEY"):
        backends.active()


def test_the_ring_is_parsed_once():
    assert backends.active() is backends.active()
