from tests.settings import *  # noqa: F403

INSTALLED_APPS = [
    "apps.vault",
    "tests.vault.testapp",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "rest_framework",
]
AUTH_USER_MODEL = "auth.User"
MIDDLEWARE = []
REST_FRAMEWORK = {}
ROOT_URLCONF = "tests.vault.testapp.apps"
