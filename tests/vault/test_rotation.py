"""`rotate_vault_keys`: complete, interrupted, and beside concurrent writes."""

import io

import pytest
from django.core.management import CommandError, call_command

from apps.vault import envelope, rotation
from apps.vault.services import missing_key_ids, rows_per_key, seal
from tests.vault.keys import new_key, secret
from tests.vault.testapp.models import Account, Safe

pytestmark = pytest.mark.django_db


@pytest.fixture
def new_primary(settings):
    """A function that adds a new primary key."""

    def add():
        settings.VAULT_KEYS = f"new:{new_key()},{settings.VAULT_KEYS}"

    return add


def rotate(**options):
    out = io.StringIO()
    call_command("rotate_vault_keys", stdout=out, stderr=out, **options)
    return out.getvalue()


def ciphertexts():
    return {value.to_bytes() for value in Account.objects.values_list("password", flat=True)}


def make(rows):
    plains = {}
    for _ in range(rows):
        plain = secret()
        plains[Account.objects.create(password=plain).pk] = plain
    return plains


def test_rotation_rewraps_every_table_and_changes_no_ciphertext(new_primary, settings):
    plains, safe = make(5), secret()
    Safe.objects.create(password=safe)
    before = ciphertexts()
    new_primary()
    output = rotate(batch=2)
    assert rows_per_key() == {"new": 6}
    assert ciphertexts() == before
    assert "5 of 5" in output
    assert "new (primary): 6" in output
    settings.VAULT_KEYS = settings.VAULT_KEYS.split(",")[0]
    assert {row.pk: row.password.reveal() for row in Account.objects.all()} == plains
    assert Safe.objects.get().password.reveal() == safe


def test_a_dry_run_changes_nothing(new_primary):
    make(3)
    new_primary()
    assert "3 rows are due" in rotate(dry_run=True)
    assert rows_per_key() == {"test": 3}


def test_rows_without_secrets_are_skipped(new_primary):
    Account.objects.create()
    new_primary()
    rotate()
    assert Account.objects.get().data_key is None


def test_an_interrupted_rotation_continues_with_the_remaining_rows(new_primary, monkeypatch):
    plains = make(5)
    new_primary()
    wrap, calls = envelope.wrap, []

    def wrap_until_interrupted(data_key, binding):
        calls.append(binding)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return wrap(data_key, binding)

    monkeypatch.setattr(envelope, "wrap", wrap_until_interrupted)
    with pytest.raises(CommandError, match="Run it again"):
        rotate(batch=2)
    assert rows_per_key() == {"new": 2, "test": 3}
    assert {row.pk: row.password.reveal() for row in Account.objects.all()} == plains
    rotate(batch=2)
    assert rows_per_key() == {"new": 5}
    assert {row.pk: row.password.reveal() for row in Account.objects.all()} == plains


def during_the_wrap(monkeypatch, deed):
    wrap = envelope.wrap

    def wrap_and_do(data_key, binding):
        monkeypatch.setattr(envelope, "wrap", wrap)
        deed()
        return wrap(data_key, binding)

    monkeypatch.setattr(envelope, "wrap", wrap_and_do)


def test_a_secret_saved_during_rotation_is_kept(new_primary, monkeypatch):
    make(1)
    new_primary()
    row, plain = Account.objects.get(), secret()

    def save():
        row.password = plain
        row.save()

    during_the_wrap(monkeypatch, save)
    rotate()
    assert Account.objects.get().password.reveal() == plain
    assert rows_per_key() == {"new": 1}


def test_a_data_key_replaced_during_rotation_is_not_overwritten(new_primary, monkeypatch):
    make(1)
    new_primary()
    plain = secret()

    def erase_and_start_over():
        Account.objects.update(password=None, data_key=None)
        row = Account.objects.get()
        row.password = plain
        row.save()

    during_the_wrap(monkeypatch, erase_and_start_over)
    output = rotate()
    assert "1 rows changed meanwhile" in output
    assert Account.objects.get().password.reveal() == plain


def test_saving_a_row_loaded_before_rotation_keeps_the_new_wrapping(new_primary):
    make(1)
    row = Account.objects.get()
    new_primary()
    rotate()
    row.name = "late"
    row.password = plain = secret()
    row.save()
    assert rows_per_key() == {"new": 1}
    assert Account.objects.get().password.reveal() == plain


def test_values_sealed_before_the_rotation_are_decrypted_after_it(new_primary):
    make(1)
    plain = secret()
    values = seal(Account.objects.get(), password=plain)
    new_primary()
    rotate()
    Account.objects.update(**values)
    assert Account.objects.get().password.reveal() == plain


def test_unreadable_rows_are_reported_and_the_others_are_rotated(settings):
    make(2)
    lost = settings.VAULT_KEYS
    settings.VAULT_KEYS = f"second:{new_key()}"
    plains = make(2)
    settings.VAULT_KEYS = f"new:{new_key()},{settings.VAULT_KEYS}"
    with pytest.raises(CommandError, match="2 rows could not be unwrapped"):
        rotate(batch=1)
    assert rows_per_key() == {"test": 2, "new": 2}
    assert missing_key_ids() == {"test"}
    assert {row.pk: row.password.reveal() for row in Account.objects.filter(pk__in=plains)} == plains
    settings.VAULT_KEYS += f",{lost}"
    rotate()
    assert rows_per_key() == {"new": 4}
    assert missing_key_ids() == set()


def test_a_batch_size_of_zero_is_rejected():
    with pytest.raises(CommandError, match="must be 1 or more"):
        rotate(batch=0)


def test_progress_is_reported_after_each_batch(new_primary):
    make(3)
    new_primary()
    assert [step.seen for step in rotation.rewrap(Account, batch=2)][-1] == 3
