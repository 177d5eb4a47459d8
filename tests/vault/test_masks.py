"""Everything but `reveal()` shows only that a secret is stored."""

import json
import pickle
import sys

import pytest
from django.contrib.admin.helpers import AdminReadonlyField
from django.contrib.admin.options import ModelAdmin
from django.contrib.admin.sites import AdminSite
from django.core import serializers
from django.core.management import call_command
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import model_to_dict, modelform_factory
from django.template import Context, Template
from django.test import RequestFactory
from django.views.debug import ExceptionReporter
from rest_framework.serializers import ModelSerializer
from rest_framework.utils.encoders import JSONEncoder

from apps.vault.sealed import UnreadableSecret
from tests.vault.keys import new_key, secret
from tests.vault.testapp.models import Account

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["saved", "unsaved", "loaded"])
def row_and_plain(request):
    plain = secret()
    row = Account(name="mine", password=plain)
    if request.param != "unsaved":
        row.save()
    return (Account.objects.get() if request.param == "loaded" else row), plain


def test_text_shows_a_mask(row_and_plain):
    row, plain = row_and_plain
    sealed = row.password
    shown = [
        str(sealed),
        repr(sealed),
        f"{sealed}",
        f"{sealed!r}",
        f"{sealed:>10}",
        "".join(map(str, [sealed])),
        repr(row),
        str(row),
    ]
    assert shown[0] == "stored"
    assert plain not in "".join(shown)
    assert plain not in repr(row.__dict__)
    assert plain not in repr(vars(row))


def test_a_stored_secret_is_true(row_and_plain):
    assert bool(row_and_plain[0].password) is True


def test_equality_does_not_depend_on_the_secret(row_and_plain):
    row, plain = row_and_plain
    assert row.password != plain
    assert row.password != Account(password=plain).password


@pytest.mark.parametrize("encoder", [json.JSONEncoder, DjangoJSONEncoder, JSONEncoder])
def test_json_encoding_fails(row_and_plain, encoder):
    row, plain = row_and_plain
    with pytest.raises(TypeError) as refusal:
        json.dumps({"password": row.password}, cls=encoder)
    assert plain not in str(refusal.value)


def test_rest_framework_shows_a_mask(row_and_plain):
    row, plain = row_and_plain

    class Shown(ModelSerializer):
        class Meta:
            model = Account
            fields = ["password", "recovery", "data_key"]

    shown = json.dumps(Shown(row).data, cls=JSONEncoder)
    assert json.loads(shown)["password"] == "stored"
    assert json.loads(shown)["recovery"] is None
    assert row.data_key is None or row.data_key.to_text() not in shown
    assert plain not in shown


def test_a_pickled_row_contains_only_ciphertext():
    plain = secret()
    row = Account.objects.create(password=plain)
    for thing in (row, row.password):
        assert plain.encode() not in pickle.dumps(thing)
    assert pickle.loads(pickle.dumps(row)).password.reveal() == plain  # noqa: S301 - pickled two words earlier


def test_an_unsaved_secret_cannot_be_pickled():
    row = Account(password=secret())
    for thing in (row, row.password):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(thing)


@pytest.mark.parametrize(
    "expression",
    ["password", "password.reveal", "password.reveal_json", "password|pprint", "password|stringformat:'r'"],
)
def test_a_template_cannot_render_it(row_and_plain, expression):
    row, plain = row_and_plain
    shown = Template("{{ row." + expression + " }}|{% if row.password %}there{% endif %}").render(Context({"row": row}))
    assert plain not in shown
    assert shown.endswith("|there")


def test_values_show_a_mask():
    plain = secret()
    Account.objects.create(password=plain)
    shown = [
        *Account.objects.values(),
        *Account.objects.values("password", "data_key"),
        *Account.objects.values_list("password"),
        *Account.objects.values_list("password", flat=True),
    ]
    assert plain not in repr(shown)
    assert "stored" in "".join(map(str, Account.objects.values_list("password", flat=True)))


def test_model_to_dict_and_model_forms_leave_it_out(row_and_plain):
    row, plain = row_and_plain
    assert "password" not in model_to_dict(row)
    form = modelform_factory(Account, fields="__all__")(instance=row)
    assert "password" not in form.fields
    assert plain not in form.as_p()


def test_the_admin_shows_a_mask(row_and_plain):
    row, plain = row_and_plain

    class Shown(ModelAdmin):
        readonly_fields = ("password", "data_key")

    model_admin = Shown(Account, AdminSite())
    request = RequestFactory().get("/")
    form = model_admin.get_form(request, row, fields=["name"])(instance=row)
    html = form.as_p() + "".join(
        str(AdminReadonlyField(form, name, is_first=True, model_admin=model_admin).contents())
        for name in model_admin.readonly_fields
    )
    assert "stored" in html
    assert plain not in html


@pytest.mark.parametrize("format", ["json", "xml", "jsonl"])
def test_dumpdata_writes_a_mask(format, capsys):
    plain = secret()
    row = Account.objects.create(password=plain)
    call_command("dumpdata", "vault_testapp", format=format)
    dumped = capsys.readouterr().out
    assert "stored" in dumped
    for leak in (plain, row.data_key.to_text(), row.__dict__["password"].to_bytes().hex()):
        assert leak not in dumped


@pytest.mark.parametrize("format", ["json", "xml", "jsonl"])
def test_loading_a_dump_keeps_stored_secrets(format, tmp_path):
    plain, later = secret(), secret()
    Account.objects.create(name="a", password=plain)
    empty = Account.objects.create(name="b")
    dump = tmp_path / f"dump.{format}"
    call_command("dumpdata", "vault_testapp", format=format, output=str(dump))
    if format != "xml":  # Django reads null from XML by itself, without asking the field
        empty.password = later
        empty.save()
    Account.objects.update(name="changed")
    call_command("loaddata", str(dump), verbosity=0)
    assert Account.objects.get(name="a").password.reveal() == plain
    assert format == "xml" or Account.objects.get(name="b").password.reveal() == later


def test_loading_a_dump_into_an_empty_database_leaves_the_secrets_empty(tmp_path):
    Account.objects.create(name="a", password=secret())
    dump = tmp_path / "dump.json"
    call_command("dumpdata", "vault_testapp", output=str(dump))
    Account.objects.all().delete()
    call_command("loaddata", str(dump), verbosity=0)
    row = Account.objects.get(name="a")
    assert (row.password, row.data_key) == (None, None)


def test_a_fixture_with_a_plaintext_secret_is_rejected():
    plain = secret()
    fixture = json.dumps([{"model": "vault_testapp.account", "fields": {"password": plain}}])
    with pytest.raises(serializers.base.DeserializationError, match="fixture cannot contain a secret"):
        list(serializers.deserialize("json", fixture))


def test_the_debug_page_of_an_error_in_reveal_does_not_show_the_secret(settings):
    plain = secret()
    row = Account.objects.create(password=plain)
    key = settings.VAULT_KEYS
    settings.VAULT_KEYS = f"other:{new_key()}"
    settings.DEBUG = False
    try:
        row.password.reveal()
    except UnreadableSecret:
        page = ExceptionReporter(None, *sys.exc_info()).get_traceback_text()
    assert plain not in page
    assert key not in page
