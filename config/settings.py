"""All settings, in one file, read from the environment (or `.env`) through django-environ.

There are no default keys: without SECRET_KEY, VAULT_KEYS and FINGERPRINT_KEY the app refuses to start.
`manage.py quickstart` writes a `.env` with fresh ones. `.env.example` explains each variable.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import django_stubs_ext
import environ
from django.core.exceptions import ImproperlyConfigured

from apps.vault.keyring import KeyRing
from config import env_file
from config.cache import REDIS_OPTIONS

# Lets classes such as ModelAdmin and Field take type arguments at run time.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
try:
    env_file.load(Path(env.str("ENV_FILE", default="") or BASE_DIR / ".env"))
except env_file.UnreadableEnvFile as error:
    raise ImproperlyConfigured(str(error)) from error

# Everything that the product writes outside its database (a SQLite database included): the queue, mail, static files.
VAR_DIR = BASE_DIR / env.str("VAR_DIR", default="var")
STATIC_ROOT = VAR_DIR / "static"
try:
    VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    STATIC_ROOT.mkdir(exist_ok=True)
except OSError as error:
    raise ImproperlyConfigured(f"Cannot make the folder {VAR_DIR} (VAR_DIR): {error.strerror}.") from error


def required(name: str) -> str:
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set. Run 'python manage.py quickstart', or set it in the environment (see .env.example)."
        )
    return str(value)


def origins(name: str) -> list[str]:
    """A list of origins such as https://app.example.com."""
    values: list[str] = [origin.rstrip("/") for origin in env.list(name, default=[])]
    for origin in values:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts._replace(scheme="", netloc="").geturl():
            raise ImproperlyConfigured(f"{name} contains {origin!r}, which is not an origin.")
    return values


# --- Origin and hosts --------------------------------------------------------------------------------------------

SECRET_KEY = required("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
DEBUG = env.bool("DEBUG", default=False)
# A folder with catalog files of the operator's own, in the format of apps/integrations/providers.
CATALOG_DIR = env.str("CATALOG_DIR", default="")
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in ("http", "https") or not _public.hostname or _public.path:
    raise ImproperlyConfigured(
        f"PUBLIC_URL must be an origin such as https://connections.example.com, not {PUBLIC_URL!r}."
    )
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[_public.hostname])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])

# --- Applications ------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "apps.web",
    "apps.connections",
    "apps.gateway",
    "apps.integrations",
    "apps.notifications",
    "apps.teams",
    "apps.audit",
    "apps.vault",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "corsheaders",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "apps.request_slots.RequestSlotMiddleware",
    "apps.web.middleware.CompressionMiddleware",
    "apps.web.middleware.ApiConditionalMiddleware",
    "apps.web.page_middleware.ContentSecurityPolicyMiddleware",
    "apps.teams.sessions.SessionMiddleware",
    "apps.web.middleware.ApiSlashMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "apps.web.page_middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.web.middleware.PermissionsPolicyMiddleware",
    "apps.web.page_middleware.HtmxMiddleware",
    "apps.teams.throttling.RateLimitHeaders",
    "apps.teams.middleware.ActorMiddleware",
    "apps.web.preferences.PreferencesMiddleware",
    "apps.web.middleware.SessionEndedMiddleware",
    "apps.web.middleware.SpecwayErrorMiddleware",
]

ROOT_URLCONF = "config.urls"
DEFAULT_EXCEPTION_REPORTER_FILTER = "apps.web.crash_pages.RequestSecretsFilter"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.web.context_processors.frame",
            ],
        },
    },
]

# --- Data --------------------------------------------------------------------------------------------------------

# As in the Procfile and config/gunicorn.py.
WEB_CONCURRENCY = env.int("WEB_CONCURRENCY", default=2)
WEB_THREADS = env.int("WEB_THREADS", default=1024)
WORKER_THREADS = env.int("WORKER_THREADS", default=4)
# PostgreSQL connections of each web process and worker, which its threads share. 0: one for each thread.
DATABASE_POOL = env.int("DATABASE_POOL", default=10)
# Requests that each web process works on at a time; those that wait for a service do not count.
REQUEST_SLOTS = env.int("REQUEST_SLOTS", default=DATABASE_POOL or 10)
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'specway.sqlite3'}")}
DATABASES["default"].setdefault("OPTIONS", {})
# Also for SQLite: closing the last connection writes the whole log back into the file, which takes milliseconds.
DATABASES["default"]["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Immediate transactions take the write lock at BEGIN, where the busy timeout applies; a deferred one would fail
    # at its first write instead of waiting (https://www.sqlite.org/lang_transaction.html).
    DATABASES["default"]["OPTIONS"] |= {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # A refresh that waits for its commit relies on learning soon that the server is down (refresh_policy.py).
    DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 3)
    # For the statements of apps/sql. A pooler in front that shares a connection between transactions has to support
    # prepared statements, as PgBouncer does from version 1.21 on.
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5 if env.bool("PREPARED_STATEMENTS", default=True) else None
    # Compiling a plan takes longer than the milliseconds that these queries run.
    DATABASES["default"]["OPTIONS"].setdefault("options", "-c jit=off")
    # Most threads of a web process wait for a service and hold no connection meanwhile. config/gunicorn.py asks for it.
    # A worker's too, and Celery closes the connection after each task: without a pool, each would open one.
    _is_worker = "celery" in sys.argv[0] and "worker" in sys.argv
    if DATABASE_POOL and (_is_worker or env.bool("USE_DATABASE_POOL", default=False)):
        from config.pooled_postgresql.base import PooledConnection

        DATABASES["default"] |= {"ENGINE": "config.pooled_postgresql", "CONN_HEALTH_CHECKS": False}
        DATABASES["default"]["OPTIONS"]["pool"] = {
            "connection_class": PooledConnection,
            "min_size": 0,
            "max_size": DATABASE_POOL,
            "max_idle": DATABASES["default"]["CONN_MAX_AGE"],
            "timeout": 3,  # seconds for which a request waits for a connection
            "reconnect_timeout": 3,
        }
        DATABASES["default"]["CONN_MAX_AGE"] = 0  # after each request, the connection returns to the pool

# On PostgreSQL, the owner of the tables, for migrations alone. Then the role of DATABASE_URL needs no DDL, and cannot
# change the audit log or switch off the triggers that protect it.
MIGRATION_DATABASE = env.db_url("MIGRATION_DATABASE_URL") if env.str("MIGRATION_DATABASE_URL", default="") else None

REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": {
        "BACKEND": "config.cache.SharedCache",
        "LOCATION": REDIS_URL or str(VAR_DIR / "cache" / "cache.sqlite3"),
        "KEY_PREFIX": "specway",
        "OPTIONS": REDIS_OPTIONS if REDIS_URL else {},
    }
}

# --- Celery ------------------------------------------------------------------------------------------------------

CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker waits for its broker indefinitely, a request never does:
CELERY_TASK_PUBLISH_RETRY = False
# Workers take no commands, such as `shutdown`: any program that can write to Redis could send one. A folder has none.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BROKER_CONNECTION_TIMEOUT = 1
# In memory: a file would hold pickles, end beat when the disk is full, and carry one host's clock to another.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
# The database has the state and the queue only carries hints, so `delay()` fails at once when Redis is down.
# Together with the cache (config/cache.py), a request waits no longer than 1.5 seconds for a Redis that hangs.
REDIS_TRANSPORT_OPTIONS = {
    "global_keyprefix": "specway:",
    "max_retries": 0,
    "connect_retries_timeout": 1,
    "socket_connect_timeout": 0.5,
    "polling_interval": 0.3,  # how long a worker waits in one read,
    "socket_timeout": 0.8,  # which must end before this
    "visibility_timeout": 300,
}
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_BROKER_TRANSPORT_OPTIONS = REDIS_TRANSPORT_OPTIONS
else:
    CELERY_BROKER_URL = "filesystem://localhost//"
    CELERY_BROKER_TRANSPORT = "config.folder_queue:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": str(VAR_DIR / "queue"), "polling_interval": 0.5}

# --- Secrets at rest ---------------------------------------------------------------------------------------------

# What wraps the data keys: "local" (VAULT_KEYS), "transit" (HashiCorp Vault; its address and token come from VAULT_ADDR
# and VAULT_TOKEN) or "aws-kms" (region and credentials as boto3 finds them). With one of the latter two, VAULT_KEYS may
# stay as long as rows still use its keys.
VAULT_BACKEND = env.str("VAULT_BACKEND", default="local")
VAULT_TRANSIT_MOUNT = env.str("VAULT_TRANSIT_MOUNT", default="transit")
VAULT_TRANSIT_KEY = env.str("VAULT_TRANSIT_KEY", default="specway")
VAULT_KMS_KEY = env.str("VAULT_KMS_KEY", default="")
VAULT_KEYS = required("VAULT_KEYS") if VAULT_BACKEND == "local" else env.str("VAULT_KEYS", default="")
if VAULT_KEYS:
    KeyRing.parse(VAULT_KEYS)
FINGERPRINT_KEY = required("FINGERPRINT_KEY")
# Where new tokens are kept, as ciphertext, while the database is down. It must outlive the process.
SPOOL_DIR = env.str("SPOOL_DIR", default=str(VAR_DIR / "spool"))

# --- Metrics -----------------------------------------------------------------------------------------------------

# The bearer token for /metrics; without it there is no such page, and nothing is counted on disk.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Each process counts in files of its own here, and /metrics adds them up. The library decides so when it is imported.
METRICS_DIR = VAR_DIR / "metrics"
if METRICS_TOKEN:
    METRICS_DIR.mkdir(mode=0o700, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)

# --- People ------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "teams.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "apps.teams.adapter.AccountAdapter"
# Who may create an account: anyone, or only people with an invitation; of any domain, or of these (and the invited).
SIGNUP_OPEN = env.bool("SIGNUP_OPEN", default=True)
SIGNUP_DOMAINS = [domain.lower() for domain in env.list("SIGNUP_DOMAINS", default=[])]
ACCOUNT_SIGNUP_FORM_CLASS = "apps.teams.forms.SignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]  # and the name, from the form class
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _public.scheme
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
# A mail after each change of password, address or second factor, so that a takeover is noticed.
ACCOUNT_EMAIL_NOTIFICATIONS = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Specway"
MFA_ADAPTER = "apps.teams.adapter.SecondFactorAdapter"
# People with a second factor may change their address too: the old one stays valid until the new one is confirmed.
MFA_ALLOW_UNVERIFIED_EMAIL = True
USERSESSIONS_TRACK_ACTIVITY = True

# --- E-mail ------------------------------------------------------------------------------------------------------

_default_email = f"filemail:///{VAR_DIR / 'mail'}"
vars().update(env.email_url("EMAIL_URL", default=_default_email))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"Specway <specway@{_public.hostname}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_TIMEOUT = 10  # seconds; a page waits while an invitation is sent

# --- Egress ------------------------------------------------------------------------------------------------------

# "host" or "host:port" of internal services that egress may reach, also over http; "=built-in" or "=" and the ID of a
# team after it limits who may.
EGRESS_ALLOWED_HOSTS = env.list("EGRESS_ALLOWED_HOSTS", default=[])

# --- The browser -------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
# Of pages, mail and notices. Names are in their own language; the API is always English (apps/web/preferences.py).
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
# config/release.sh collects the static files: compressed, and with a hash in each name, so that browsers cache them.
# Without that, in development and tests, they are served as they are.
_IS_COLLECTED = (STATIC_ROOT / "staticfiles.json").exists()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "config.static.HashedStaticFilesStorage"
        if _IS_COLLECTED or "collectstatic" in sys.argv
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

SECURE = _public.scheme == "https"
SESSION_ENGINE = "apps.teams.sessions"  # the database has only hashes of session keys
SESSION_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "__Host-specway" if SECURE else "specway"
# Lax, not Strict: the callback is a top-level navigation that comes from the service's site.
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = SECURE
CSRF_COOKIE_NAME = "__Host-specway-csrf" if SECURE else "specway-csrf"
SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
# A promise for all subdomains that browsers keep for years after it is taken back: only if asked for.
SECURE_HSTS_PRELOAD = SECURE and env.bool("HSTS_PRELOAD", default=False)
# A proxy in front sets X-Forwarded-Proto and appends to X-Forwarded-For; without one, clients could forge them.
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
# Popups are allowed: a page that connects a service opens the service's consent page, and "same-origin" would separate
# the two windows at once, so that an open popup would look closed.
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin-allow-popups"
X_FRAME_OPTIONS = "DENY"
# No page needs these, and no script that got in may ask for them.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer", "microphone",
        "midi", "payment", "serial", "usb",
    )
)  # fmt: skip
CSRF_FAILURE_VIEW = "apps.web.problems.csrf_failure"
# No form-action: browsers apply it to redirects too, and "Connect" is a form that ends at the service's own page.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
# The API has nothing that a browser should load, run or show in a frame.
API_CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

# --- The API -----------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.teams.authentication.ApiKeyAuthentication",
        "apps.teams.authentication.MemberSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["apps.teams.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.rest.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "apps.rest.schema.StrictAutoSchema",
    "EXCEPTION_HANDLER": "apps.web.problems.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["apps.teams.throttling.CallsPerMinute"],
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,  # the format is chosen by Accept
}
# Calls per minute of a member or service key, of these for tokens, of a whole team, and invalid keys per address. 0: no
# limit.
API_RATES = {
    "default": env.int("API_CALLS_PER_MINUTE", default=600),
    "token": env.int("API_TOKEN_CALLS_PER_MINUTE", default=300),
    "team": env.int("API_TEAM_CALLS_PER_MINUTE", default=6000),
    "failed": env.int("API_WRONG_KEYS_PER_MINUTE", default=60),
}
# Concurrent calls to services per web process; its other threads serve pages and the rest of the API. With SQLite there
# are fewer, since each of their threads keeps a connection and its cache.
_most_streams = 126 if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3" else WEB_THREADS
PROXY_STREAMS = env.int("PROXY_STREAMS", default=max(1, min(WEB_THREADS - 2, _most_streams)))
# Origins to which a connect session may return people, besides our own paths.
CONNECT_RETURN_ORIGINS = origins("CONNECT_RETURN_ORIGINS")
# Origins whose pages may call the API with a browser token (CORS). Cookies are never accepted from there.
CORS_ALLOWED_ORIGINS = BROWSER_ORIGINS = origins("BROWSER_ORIGINS")
CORS_URLS_REGEX = r"^/api/v1/"
CORS_ALLOW_HEADERS = [
    "accept", "authorization", "content-type", "idempotency-key", "if-match", "if-none-match",
    "specway-follow-redirects", "specway-retries", "specway-retry-on", "specway-run",
    "specway-scopes", "specway-timeout", "specway-workflow",
]  # fmt: skip
CORS_EXPOSE_HEADERS = [
    "deprecation", "etag", "idempotency-replayed", "link", "location", "ratelimit", "ratelimit-policy", "retry-after",
    "specway-error", "sunset", "www-authenticate",
]  # fmt: skip
CORS_PREFLIGHT_MAX_AGE = 600  # seconds
SPECTACULAR_SETTINGS = {
    "TITLE": "Specway Connections",
    "VERSION": "1",
    "DESCRIPTION": "Connections for workflow builders: list them, call services through them, obtain fresh tokens.",
    "OAS_VERSION": "3.1.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "CONTACT": {"name": "The operators of this installation", "url": PUBLIC_URL},
    "SERVERS": [{"url": PUBLIC_URL, "description": "This installation"}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "AuthTypeEnum": "apps.integrations.models.Integration.Kind",
        "BulkJobActionEnum": "apps.connections.models.BulkJob.Action",
        "NewBulkJobActionEnum": ["share", "unshare", "disconnect", "check", "refresh"],
        "ApiKeyKindEnum": "apps.teams.models.ApiKey.Kind",
        "CustomAuthTypeEnum": ["none", "api_key", "basic", "oauth2", "oauth2_client_credentials", "oauth1"],
        "ConnectSessionStatusEnum": "apps.connections.models.ConnectSession.Status",
        "LevelEnum": "apps.connections.models.Level",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.rest.schema.inline_blank_choices",
        "apps.gateway.schema.document_proxy",
        "apps.notifications.schema.document_webhooks",
        "apps.rest.schema.close_bodies",
        "apps.rest.document.describe",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- Logs --------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "config.logs.RedactingFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # These write tokens, codes or request lines with their query at DEBUG or INFO, whatever LOG_LEVEL says.
        "requests_oauthlib": {"level": "WARNING"},
        "oauthlib": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "django.server": {"level": "WARNING"},
        # These quote a template's whole context and the parameters of SQL at DEBUG.
        "django.template": {"level": "INFO"},
        "django.db.backends": {"level": "INFO"},
    },
}

SILENCED_SYSTEM_CHECKS = ["security.W021"]  # SECURE_HSTS_PRELOAD: see above
