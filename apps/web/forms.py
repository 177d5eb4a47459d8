"""Forms about the signed-in person."""

from django import forms


class ProfileForm(forms.Form):
    """What others see of a person."""

    name = forms.CharField(max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"}))
