"""A select with many options is what Django would make of it."""

from django import forms

from apps.teams.forms import LongSelect

CHOICES = [("", "Choose <one>"), ("1", "Ada & Olga"), ("2", "Kwame")]


def test_it_has_the_options_of_a_select_with_the_chosen_one_and_escapes_them() -> None:
    attrs = {"id": "owner", "class": "select", "required": True}
    expected = forms.Select(choices=CHOICES).render("owner", "2", attrs)
    assert _flat(LongSelect(choices=CHOICES).render("owner", "2", attrs)) == _flat(expected)
    assert _flat(LongSelect(choices=CHOICES).render("owner", None)) == _flat(
        forms.Select(choices=CHOICES).render("owner", None)
    )


def _flat(html: str) -> set[str]:
    """The tags and texts, without the order of attributes."""
    return {" ".join(sorted(part.split())) for part in html.replace("\n", "").replace(">", "<").split("<")}
