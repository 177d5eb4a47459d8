"""The sandbox's own settings. They share nothing with the product, not even the secret key.

Environment variables: SANDBOX_VAR_DIR, SANDBOX_DATABASE_URL, SANDBOX_URL, SANDBOX_ACCESS_TOKEN_SECONDS.
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from apps.sandbox.keyfile import secret_key
from apps.sandbox.scopes import LABELS

env = environ.Env()
REPOSITORY = Path(__file__).resolve().parents[2]
VAR_DIR = Path(env.str("SANDBOX_VAR_DIR", default=str(REPOSITORY / "var" / "sandbox")))

SANDBOX_URL = env.str("SANDBOX_URL", default="http://127.0.0.1:8100").rstrip("/")
_origin = urlsplit(SANDBOX_URL)
if _origin.scheme != "http" or _origin.hostname not in ("127.0.0.1", "localhost", "::1") or _origin.path:
    # Sign-in needs no password, so the sandbox must not be reachable from other machines.
    raise ImproperlyConfigured(
        f"SANDBOX_URL must be on this machine, such as http://127.0.0.1:8100, not {SANDBOX_URL!r}."
    )

ACCESS_TOKEN_SECONDS = env.int("SANDBOX_ACCESS_TOKEN_SECONDS", default=60)
if ACCESS_TOKEN_SECONDS < 1:
    raise ImproperlyConfigured(f"SANDBOX_ACCESS_TOKEN_SECONDS must be 1 or more, not {ACCESS_TOKEN_SECONDS}.")

SECRET_KEY = secret_key(VAR_DIR / "secret-key")
DEBUG = False
ALLOWED_HOSTS = [_origin.hostname, "127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "apps.sandbox",
    "oauth2_provider",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "apps.sandbox.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

DATABASES = {"default": env.db("SANDBOX_DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'sandbox.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Immediate transactions wait for the write lock at BEGIN, where the busy timeout applies.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }

# Only client secrets are hashed, no passwords.
PASSWORD_HASHERS = ["apps.sandbox.hashers.ClientSecretHasher"]
LOGIN_URL = "login"

OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth2_provider.Application"  # needed by migrations with a foreign key to it
OAUTH2_PROVIDER = {
    "SCOPES": LABELS,
    "DEFAULT_SCOPES": ["profile"],
    "OIDC_ISS_ENDPOINT": SANDBOX_URL,  # the issuer (RFC 8414, RFC 9207); OpenID Connect itself is off
    "OAUTH2_VALIDATOR_CLASS": "apps.sandbox.validator.ScenarioValidator",
    "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
    "OAUTH2_GRANT_TYPES_SUPPORTED": ["authorization_code", "refresh_token"],
    "PKCE_REQUIRED": True,
    "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
    "ACCESS_TOKEN_EXPIRE_SECONDS": ACCESS_TOKEN_SECONDS,
    "ROTATE_REFRESH_TOKEN": True,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True

# Cookies are shared between ports of a host: do not overwrite the product's.
SESSION_COOKIE_NAME = "sandbox_session"
CSRF_COOKIE_NAME = "sandbox_csrf"
CSRF_FAILURE_VIEW = "apps.sandbox.pages.csrf_failure"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# "no-referrer" makes browsers send "Origin: null" with forms, which fails the CSRF check.
SECURE_REFERRER_POLICY = "same-origin"
# As at most services, the page keeps its link to the window that opened it.
SECURE_CROSS_ORIGIN_OPENER_POLICY = None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        # No form-action: browsers apply it to the redirect after the consent form, which leads to the client.
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    # oauthlib writes codes and tokens at DEBUG.
    "loggers": {name: {"level": "WARNING"} for name in ("oauthlib", "oauth2_provider")}
    | {"django.request": {"level": "ERROR"}},
}
