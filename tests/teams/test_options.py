"""The options of selects, which are written without a template: escaped, translated, and selected by value."""

import pytest
from django.forms import ChoiceField, Form
from django.template import Context, Template
from django.utils import translation
from django.utils.translation import gettext_lazy

from apps.teams.forms import LongSelect, options_html


def test_values_and_labels_are_escaped() -> None:
    html = options_html([('"><script>', "<b>Mara & Ines</b>")], [])
    assert html == '<option value="&quot;&gt;&lt;script&gt;">&lt;b&gt;Mara &amp; Ines&lt;/b&gt;</option>'


@pytest.mark.parametrize(
    ("sent", "selected"), [({"role": "b"}, ["b"]), ({}, [""]), ({"role": "x"}, []), ({"role": ""}, [""])]
)
@pytest.mark.parametrize("shown", ["{% load specway %}{% options form.role %}", "{{ form.role }}"])
def test_the_value_of_the_form_is_selected(sent: dict[str, str], selected: list[str], shown: str) -> None:
    class RoleForm(Form):
        role = ChoiceField(choices=[("", gettext_lazy("Any status")), ("b", "B")], required=False, widget=LongSelect)

    with translation.override("de"):
        html = Template(shown).render(Context({"form": RoleForm(sent)}))
    assert [value for value in ("", "b") if f'<option value="{value}" selected>' in html] == selected
    assert "Jeder Status" in html
