"""Form parts for secrets: what is stored never reaches a page, and an empty input keeps it."""

from typing import Any

from django import forms


class WriteOnlySecretWidget(forms.PasswordInput):
    """A password input that is never filled: not with the stored secret, and not with one that was just typed."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"autocomplete": "new-password", "spellcheck": "false", **(attrs or {})})

    def format_value(self, value: Any) -> None:
        return None


class SecretFormField(forms.CharField):
    """Takes a new secret, or nothing: cleaned data is "" then, which means "keep what is stored".

    In a ModelForm whose encrypted field is not editable, the form's own code assigns it:
    `if form.cleaned_data["client_secret"]: row.client_secret = form.cleaned_data["client_secret"]`.
    """

    widget = WriteOnlySecretWidget

    def prepare_value(self, value: Any) -> None:
        return None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)
