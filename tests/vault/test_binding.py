"""Ciphertext is decrypted only in its own row and column, unaltered, and with its key; otherwise it is kept."""

import pytest
from django.db import connection

from apps.errors import SpecwayError
from apps.vault.envelope import Ciphertext, WrappedKey
from apps.vault.sealed import UnreadableSecret
from tests.vault.keys import new_key, secret
from tests.vault.testapp.models import Account, Safe

pytestmark = pytest.mark.django_db


def stored(model=Account, **where):
    return model.objects.filter(**where).values("password", "data_key").get()


def test_ciphertext_copied_to_another_row_with_its_data_key_is_not_decrypted():
    source, target = Account.objects.create(password=secret()), Account.objects.create(password=secret())
    Account.objects.filter(pk=target.pk).update(**stored(pk=source.pk))
    with pytest.raises(UnreadableSecret):
        Account.objects.get(pk=target.pk).password.reveal()


def test_two_swapped_ciphertexts_are_not_decrypted():
    rows = [Account.objects.create(password=secret()) for _ in range(2)]
    first, second = (stored(pk=row.pk)["password"] for row in rows)
    Account.objects.filter(pk=rows[0].pk).update(password=second)
    Account.objects.filter(pk=rows[1].pk).update(password=first)
    for row in Account.objects.all():
        with pytest.raises(UnreadableSecret):
            row.password.reveal()


def test_ciphertext_copied_to_another_column_is_not_decrypted():
    row = Account.objects.create(password=secret())
    Account.objects.update(recovery=stored()["password"])
    with pytest.raises(UnreadableSecret):
        Account.objects.get(pk=row.pk).recovery.reveal()


def test_ciphertext_copied_to_another_table_is_not_decrypted():
    row = Account.objects.create(password=secret())
    Safe.objects.create(pk=row.pk)
    Safe.objects.update(**stored())
    with pytest.raises(UnreadableSecret):
        Safe.objects.get().password.reveal()


@pytest.mark.parametrize("before", [None, "0b5a2f9e-4f7e-4b3c-9d0b-7a0a3d1c6f11"])
def test_secrets_of_a_row_moved_to_another_team_are_not_decrypted(before):
    row = Account.objects.create(password=secret(), team_id=before)
    Account.objects.update(team_id=Account().pk)
    with pytest.raises(UnreadableSecret):
        Account.objects.get().password.reveal()
    Account.objects.update(team_id=before)
    assert Account.objects.get().password.reveal() == row.password.reveal()


@pytest.mark.parametrize("place", [0, 1, 12, 13, 20, -1])
def test_an_altered_byte_is_detected(place):
    Account.objects.create(password=secret())
    data = bytearray(stored()["password"].to_bytes())
    data[place] ^= 1
    Account.objects.update(password=Ciphertext(bytes(data)))
    with pytest.raises(UnreadableSecret):
        Account.objects.get().password.reveal()


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01" * 13, b"\x01" * 20])
def test_truncated_ciphertext_raises_unreadable_secret(data):
    Account.objects.create(password=secret())
    Account.objects.update(password=Ciphertext(data))
    with pytest.raises(UnreadableSecret):
        Account.objects.get().password.reveal()


@pytest.mark.parametrize("text", ["no colon at all", "test:not base64", "test:", ":", "test:AAAA"])
def test_a_damaged_data_key_raises_unreadable_secret(text):
    Account.objects.create(password=secret())
    with connection.cursor() as cursor:
        if ":" not in text and connection.vendor == "postgresql":
            pytest.skip("PostgreSQL refuses a data key without its colon, in the generated column")
        cursor.execute("UPDATE vault_testapp_account SET data_key = %s", [text])
    with pytest.raises(UnreadableSecret):
        Account.objects.get().password.reveal()


def test_a_data_key_cannot_be_relabelled_to_another_key_id(settings):
    shared = new_key()
    settings.VAULT_KEYS = f"a:{shared},b:{shared}"
    Account.objects.create(password=secret())
    key = stored()["data_key"]
    Account.objects.update(data_key=WrappedKey("b", key.data))
    with pytest.raises(UnreadableSecret):
        Account.objects.get().password.reveal()


def test_a_removed_key_is_named_in_the_error_and_the_ciphertext_is_kept(settings):
    keys, plain = settings.VAULT_KEYS, secret()
    Account.objects.create(password=plain)
    settings.VAULT_KEYS = f"other:{new_key()}"
    row = Account.objects.get()
    assert row.password
    with pytest.raises(UnreadableSecret, match="'test'") as failure:
        row.password.reveal()
    assert (failure.value.status, failure.value.code) == (500, "unreadable_secret")
    assert isinstance(failure.value, SpecwayError)
    row.name = "still saved"
    row.save()
    settings.VAULT_KEYS = keys
    assert Account.objects.get().password.reveal() == plain


def test_another_key_with_the_same_id_decrypts_nothing(settings):
    Account.objects.create(password=secret())
    settings.VAULT_KEYS = f"test:{new_key()}"
    with pytest.raises(UnreadableSecret):
        Account.objects.get().password.reveal()
