import secrets

import pytest

from tests.vault.testapp.models import Account

pytestmark = pytest.mark.django_db


def test_what_is_saved_is_read_back():
    plain = secrets.token_urlsafe()
    row = Account.objects.create(password=plain, team_id=None)
    assert row.password.reveal() == plain
    again = Account.objects.get(pk=row.pk)
    assert again.password.reveal() == plain
    again.password = plain + "2"
    again.recovery = plain
    again.save()
    again = Account.objects.get(pk=row.pk)
    assert again.password.reveal() == plain + "2"
    assert again.recovery.reveal() == plain
    assert again.data_key_kid == "test"
    one = Account.objects.only("name").get(pk=row.pk)
    one.recovery = "x"
    one.save()
    assert Account.objects.only("name").get(pk=row.pk).recovery.reveal() == "x"
    assert Account.objects.only("name").get(pk=row.pk).password.reveal() == plain + "2"
    with pytest.raises(TypeError):
        Account.objects.update(password="x")
