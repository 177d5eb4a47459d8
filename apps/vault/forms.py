"""Form field and widget of secrets. A page never contains a stored secret; empty input keeps it."""

from typing import Any

from django import forms


class WriteOnlySecretWidget(forms.PasswordInput):
    """A password input that is always rendered empty, also after a validation error."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs={"autocomplete": "new-password", "spellcheck": "false", **(attrs or {})})

    def format_value(self, value: Any) -> None:
        return None


class SecretFormField(forms.CharField):
    """A new secret. The cleaned data is "" for empty input, which means "keep the stored secret".

    Encrypted fields are not editable, so a ModelForm assigns the value itself:
    `if form.cleaned_data["client_secret"]: row.client_secret = form.cleaned_data["client_secret"]`.
    """

    widget = WriteOnlySecretWidget

    def prepare_value(self, value: Any) -> None:
        return None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)
