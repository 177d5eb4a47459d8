"""The form field and widget of secrets: write-only."""

import pytest
from django import forms

from apps.vault.forms import SecretFormField, WriteOnlySecretWidget
from tests.vault.keys import secret
from tests.vault.testapp.models import Account


class AccountForm(forms.Form):
    name = forms.CharField()
    password = SecretFormField(required=False)


def test_the_stored_secret_is_not_rendered():
    plain = secret()
    row = Account(password=plain)
    html = AccountForm(initial={"password": row.password}).as_p() + AccountForm(initial={"password": plain}).as_p()
    assert 'type="password"' in html
    assert plain not in html
    assert "stored" not in html


def test_an_entered_secret_is_not_rendered_again_after_a_validation_error():
    plain = secret()
    form = AccountForm({"name": "", "password": plain})
    assert not form.is_valid()
    assert plain not in form.as_p()


def test_an_empty_input_changes_nothing():
    form = AccountForm(
        {"name": "a", "password": ""}, initial={"name": "a", "password": Account(password=secret()).password}
    )
    assert form.is_valid()
    assert form.cleaned_data["password"] == ""
    assert form.changed_data == []


def test_an_entered_secret_is_a_change():
    form = AccountForm({"name": "a", "password": secret()}, initial={"name": "a"})
    assert form.changed_data == ["password"]


def test_the_input_disables_autofill():
    assert 'autocomplete="new-password"' in WriteOnlySecretWidget().render("x", "y")


@pytest.mark.parametrize("typed", ["", "new"])
def test_an_editable_field_in_a_model_form_keeps_what_is_stored_when_left_empty(typed, monkeypatch):
    monkeypatch.setattr(Account._meta.get_field("password"), "editable", True)
    plain = secret()
    row = Account(name="a", password=plain)
    form_class = forms.modelform_factory(Account, fields=["name", "password"])
    assert plain not in form_class(instance=row).as_p()
    typed = typed and secret()
    form = form_class({"name": "a", "password": typed}, instance=row)
    assert form.is_valid(), form.errors
    assert row.password.reveal() == (typed or plain)
