"""The Django app of the sandbox, installed only by the sandbox's own settings."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "apps.sandbox"
    label = "sandbox"
