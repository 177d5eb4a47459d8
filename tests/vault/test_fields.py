"""Saving and reading encrypted fields, and the write paths that are rejected."""

import copy
import threading
import uuid

import pytest
from django.core.exceptions import FieldError
from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat

from apps.vault import envelope
from apps.vault.errors import SecretsStayWithTheirTeam
from apps.vault.sealed import Sealed, UnreadableSecret
from apps.vault.services import erased, from_spool, seal, to_spool
from tests.vault.keys import new_key, secret
from tests.vault.testapp.models import Account, Safe

pytestmark = pytest.mark.django_db


def raw(row, column="password"):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {row._meta.db_table}")  # noqa: S608 - names from our own model
        return [None if value is None else bytes(value) for (value,) in cursor.fetchall()]


def test_a_saved_secret_is_read_back_and_the_database_has_ciphertext():
    plain = secret()
    row = Account.objects.create(password=plain)
    assert row.password.reveal() == plain
    assert Account.objects.get().password.reveal() == plain
    assert plain.encode() not in raw(row)[0]


def test_a_saved_row_holds_no_plaintext_in_memory():
    plain = secret()
    row = Account(password=plain)
    row.save()
    assert isinstance(row.__dict__["password"], envelope.Ciphertext)


def test_the_same_secret_is_encrypted_differently_each_time():
    plain = secret()
    row = Account.objects.create(password=plain, recovery=plain)
    assert raw(row) != raw(row, "recovery")


def test_an_empty_field_is_none_and_creates_no_data_key():
    row = Account.objects.create()
    row.refresh_from_db()
    assert (row.password, row.data_key, row.data_key_kid) == (None, None, None)


def test_a_secret_is_replaced_and_erased():
    row = Account.objects.create(password=secret(), recovery=secret())
    plain = secret()
    row.password, row.recovery = plain, None
    row.save()
    row.refresh_from_db()
    assert (row.password.reveal(), row.recovery) == (plain, None)


def test_an_empty_secret_is_a_secret():
    row = Account.objects.create(password="")
    row.refresh_from_db()
    assert row.password
    assert row.password.reveal() == ""


def test_json_is_revealed_as_json():
    assert Account(password='{"a": [1]}').password.reveal_json() == {"a": [1]}


def test_saving_the_first_secret_by_update_fields_stores_the_data_key_too():
    row, plain = Account.objects.create(), secret()
    row.password = plain
    row.save(update_fields=["password"])
    assert Account.objects.get().password.reveal() == plain


def test_saving_another_field_keeps_the_ciphertext():
    row = Account.objects.create(password=secret())
    before = raw(row)
    row = Account.objects.get()
    row.name = "renamed"
    row.save()
    assert raw(row) == before


def test_a_deferred_secret_can_be_read_and_written():
    plain, other = secret(), secret()
    Account.objects.create(password=plain)
    row = Account.objects.only("name").get()
    row.recovery = other
    row.save()
    assert Account.objects.defer("password", "data_key").get().password.reveal() == plain
    assert Account.objects.only("recovery").get().recovery.reveal() == other


def test_saving_a_deferred_secret_by_name_keeps_it():
    plain = secret()
    Account.objects.create(password=plain)
    Account.objects.only("name").get().save(update_fields=["name", "password", "data_key"])
    assert Account.objects.get().password.reveal() == plain


def test_refreshing_one_field_reads_what_another_process_sealed():
    row, plain = Account.objects.create(), secret()
    other = Account.objects.get()
    other.password = plain
    other.save()
    row.refresh_from_db(fields=["password"])
    assert row.password.reveal() == plain


def test_bulk_create_encrypts_each_row_under_its_own_data_key():
    plains = [secret(), secret()]
    Account.objects.bulk_create([Account(password=plain, name=str(n)) for n, plain in enumerate(plains)])
    rows = list(Account.objects.order_by("name"))
    assert [row.password.reveal() for row in rows] == plains
    assert rows[0].data_key != rows[1].data_key


def test_get_or_create_and_update_or_create_encrypt_their_defaults():
    plain, other = secret(), secret()
    row, _ = Account.objects.get_or_create(name="a", defaults={"password": plain})
    assert Account.objects.get().password.reveal() == plain
    Account.objects.update_or_create(name="a", defaults={"recovery": other})
    row.refresh_from_db()
    assert (row.password.reveal(), row.recovery.reveal()) == (plain, other)


@pytest.mark.parametrize(
    "value",
    [lambda: "plain", lambda: b"plain", lambda: Value("plain"), lambda: F("name"), lambda: Concat("name", "name")],
)
def test_update_rejects_values_that_are_not_ciphertext(value):
    row = Account.objects.create(password=secret())
    before = raw(row)
    with pytest.raises(TypeError, match="stored encrypted"), transaction.atomic():
        Account.objects.update(password=value())
    assert raw(row) == before


def test_update_refuses_a_sealed_value():
    row = Account.objects.create(password=secret())
    with pytest.raises(TypeError, match="stored encrypted"), transaction.atomic():
        Account.objects.update(password=row.password)


def test_bulk_update_refuses_secrets():
    row = Account.objects.create(password=secret())
    row.password = secret()
    with pytest.raises(TypeError, match="stored encrypted"), transaction.atomic():
        Account.objects.bulk_update([row], ["password"])


def test_an_upsert_refuses_secrets():
    plain = secret()
    row = Account.objects.create(password=plain)
    twin = Account(pk=row.pk, password=secret())
    with pytest.raises(TypeError, match="upsert"), transaction.atomic():
        Account.objects.bulk_create([twin], update_conflicts=True, update_fields=["password"], unique_fields=["id"])
    Account.objects.bulk_create([twin], update_conflicts=True, update_fields=["name"], unique_fields=["id"])
    assert Account.objects.get().password.reveal() == plain


def test_erasing_removes_every_secret_and_the_data_key_and_a_new_one_can_be_stored(settings):
    Account.objects.create(password=secret(), recovery=secret())
    settings.VAULT_KEYS = f"after-the-loss:{new_key()}"
    row, plain = Account.objects.get(), secret()
    row.password = plain
    with pytest.raises(UnreadableSecret), transaction.atomic():
        row.save()
    Account.objects.update(**erased(Account))
    row = Account.objects.get()
    assert (row.password, row.recovery, row.data_key) == (None, None, None)
    row.password = plain
    row.save()
    assert Account.objects.get().password.reveal() == plain


@pytest.mark.parametrize("form", [str, lambda team: str(team).upper(), lambda team: team.hex])
def test_a_team_given_as_text_is_the_same_team(form):
    team, plain = uuid.uuid4(), secret()
    row = Account.objects.create(team_id=form(team), password=plain)
    assert Account.objects.get().password.reveal() == plain
    row = Account.objects.get()
    row.team_id = form(team)
    row.save()
    assert Account.objects.get().password.reveal() == plain


def test_a_full_clean_before_saving_changes_nothing():
    plain, other = secret(), secret()
    row = Account(password=plain, name="a")
    row.full_clean()
    row.save()
    row = Account.objects.get()
    row.recovery = other
    row.full_clean()
    row.save()
    row = Account.objects.get()
    assert (row.password.reveal(), row.recovery.reveal()) == (plain, other)


@pytest.mark.parametrize("value", [3, b"bytes", Value("x"), F("name"), ["x"]])
def test_only_text_and_sealed_values_are_assigned(value):
    with pytest.raises(TypeError, match="password takes a string"):
        Account(password=value)


@pytest.mark.parametrize(
    "lookup", ["password", "password__exact", "password__in", "password__contains", "password__gt"]
)
def test_a_secret_cannot_be_searched(lookup):
    with pytest.raises(FieldError, match="is encrypted"):
        Account.objects.filter(**{lookup: ["x"]}).exists()


def test_isnull_is_supported():
    Account.objects.create(name="with", password=secret())
    Account.objects.create(name="without")
    assert Account.objects.get(password__isnull=False).name == "with"
    assert Account.objects.get(password__isnull=True).name == "without"


def test_a_sealed_value_of_another_row_is_encrypted_for_the_new_row():
    plain = secret()
    source, target = Account.objects.create(password=plain), Safe.objects.create()
    target.password = source.password
    target.save()
    assert Safe.objects.get().password.reveal() == plain
    assert raw(target) != raw(source)


def test_a_copy_of_a_row_under_a_new_primary_key_fails_to_save():
    row = Account.objects.create(password=secret())
    row.pk, row._state.adding = Account().pk, True
    with pytest.raises(UnreadableSecret):
        row.save()


@pytest.mark.parametrize("how", ["just saved", "loaded"])
@pytest.mark.parametrize("update_fields", [None, ["team_id", "password"]])
@pytest.mark.parametrize("new_secret", [None, "a new one"])
def test_a_row_with_secrets_cannot_change_its_team(how, update_fields, new_secret):
    plain = secret()
    saved = Account.objects.create(password=plain)
    row = saved if how == "just saved" else Account.objects.get()
    row.team_id = Account().pk
    if new_secret:
        row.password = secret()
    with pytest.raises(SecretsStayWithTheirTeam), transaction.atomic():
        row.save(update_fields=update_fields)
    assert Account.objects.get().password.reveal() == plain


def test_a_row_without_secrets_may_change_its_team():
    Account.objects.create()
    row, plain = Account.objects.get(), secret()
    row.team_id, row.password = Account().pk, plain
    row.save()
    assert Account.objects.get().password.reveal() == plain


def test_seal_returns_a_data_key_only_if_the_row_had_none():
    row, plain, other = Account.objects.create(), secret(), secret()
    first = seal(row, password=plain, recovery=None)
    assert set(first) == {"password", "recovery", "data_key"}
    Account.objects.update(name="new", **first)
    row = Account.objects.get()
    second = seal(row, recovery=other)
    assert set(second) == {"recovery"}
    Account.objects.update(**second)
    row = Account.objects.get()
    assert (row.password.reveal(), row.recovery.reveal()) == (plain, other)


def test_sealing_none_creates_no_data_key():
    assert seal(Account.objects.create(), password=None) == {"password": None}


def test_sealing_makes_no_query_with_a_data_key_in_memory(django_assert_num_queries):
    Account.objects.create(password=secret())
    row = Account.objects.get()
    with django_assert_num_queries(0):
        seal(row, password=secret())


def test_sealing_a_field_that_is_not_encrypted_is_rejected():
    row = Account.objects.create(password=secret())
    with pytest.raises(TypeError, match="name is not an encrypted field"):
        seal(row, name="x")


def test_spooled_values_have_no_plaintext_and_can_be_restored():
    row, plain = Account.objects.create(), secret()
    spooled = to_spool(seal(row, password=plain, recovery=None))
    assert plain not in str(spooled)
    assert plain.encode().hex() not in str(spooled)
    Account.objects.update(**from_spool(spooled))
    assert Account.objects.get().password.reveal() == plain


def test_two_first_secrets_at_once_share_one_data_key(monkeypatch):
    Account.objects.create()
    ours, theirs = Account.objects.get(), Account.objects.get()
    plain, other = secret(), secret()
    make = envelope.new_data_key

    def make_while_the_other_is_faster(binding):
        monkeypatch.setattr(envelope, "new_data_key", make)
        theirs.recovery = other
        theirs.save(update_fields=["recovery"])
        return make(binding)

    monkeypatch.setattr(envelope, "new_data_key", make_while_the_other_is_faster)
    ours.password = plain
    ours.save(update_fields=["password"])
    row = Account.objects.get()
    assert (row.password.reveal(), row.recovery.reveal()) == (plain, other)


def test_a_save_after_a_rollback_does_not_use_the_rolled_back_data_key():
    row, plain = Account.objects.create(), secret()
    row.password = plain
    with transaction.atomic():
        row.save()
        transaction.set_rollback(True)
    row.password = plain
    row.save()
    assert Account.objects.get().password.reveal() == plain


def test_loading_decrypts_nothing(monkeypatch):
    Account.objects.create(password=secret())
    monkeypatch.setattr(envelope, "decrypt", lambda *args, **options: pytest.fail("decrypted"))
    row = Account.objects.get()
    assert isinstance(row.password, Sealed)
    assert str(row.password) == "stored"


def test_many_threads_reveal_at_once():
    plain = secret()
    Account.objects.create(password=plain)
    sealed, seen = Account.objects.get().password, []
    threads = [threading.Thread(target=lambda: seen.extend(sealed.reveal() for _ in range(50))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [plain] * 400


def test_a_deep_copy_of_a_row_has_no_plaintext_and_can_be_revealed():
    plain = secret()
    row = Account.objects.create(password=plain)
    twin = copy.deepcopy(row)
    assert isinstance(twin.__dict__["password"], envelope.Ciphertext)
    assert twin.password.reveal() == plain
