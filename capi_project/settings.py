"""All settings, from the environment. Every variable is described in ``.env.example``."""

from __future__ import annotations

import os
import sqlite3
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
from cryptography.fernet import Fernet
from django.conf import global_settings
from django.core.management.utils import get_random_secret_key

from capi_project.data_folder import UMASK, protect
from capi_project.environment import Environment
from capi_project.log_lines import configure as configure_logging
from capi_project.theme import UNFOLD as UNFOLD  # how the admin looks
from capi_project.version import VERSION, commit

os.umask(UMASK)
env = Environment(os.environ)
BASE_DIR = Path(__file__).resolve().parent.parent
COMMIT = commit()
DATA_DIR = Path(env.text("CAPI_DATA_DIR", str(BASE_DIR / "data"))).resolve()

# --- Secrets ------------------------------------------------------------------------------------
SECRET_KEY = env.secret("SECRET_KEY", DATA_DIR / "secret_key", get_random_secret_key)
TOKEN_ENCRYPTION_KEYS = [
    key.strip()
    for key in env.secret(
        "TOKEN_ENCRYPTION_KEYS",
        DATA_DIR / "token_encryption_keys",
        lambda: Fernet.generate_key().decode(),
    ).split(",")
    if key.strip()
]
"""Fernet keys, newest first: the first encrypts, all decrypt."""
for position, key in enumerate(TOKEN_ENCRYPTION_KEYS, start=1):
    try:
        Fernet(key)
    except ValueError:
        env.mistakes.append(
            f"TOKEN_ENCRYPTION_KEYS: key {position} isn't a Fernet key "
            "(32 bytes, URL-safe Base64; generate one with `openssl rand -base64 32 | tr +/ -_`)."
        )

# --- Web ----------------------------------------------------------------------------------------
DEBUG = env.boolean("DEBUG", False)
DEFAULT_EXCEPTION_REPORTER = "capi_project.debug_page.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "capi_project.debug_page.Filter"
ALLOWED_HOSTS = env.listing("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.listing("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, most=10)
"""How many proxies of yours stand in front: that many X-Forwarded-For entries are believed."""
TRUSTED_PROXY_HEADER = env.choice(
    "TRUSTED_PROXY_HEADER",
    "X-Forwarded-For",
    (
        "X-Forwarded-For",
        "X-Real-IP",
        "X-Client-IP",
        "CF-Connecting-IP",
        "True-Client-IP",
        "Fastly-Client-IP",
        "Fly-Client-IP",
        "DO-Connecting-IP",
        "X-Envoy-External-Address",
    ),
)
"""Where your proxies write the visitor's address. All but X-Forwarded-For hold one address."""
if TRUSTED_PROXY_HEADER != "X-Forwarded-For" and not TRUSTED_PROXY_COUNT:
    env.mistakes.append(
        f"TRUSTED_PROXY_HEADER={TRUSTED_PROXY_HEADER} is only read behind a proxy. "
        "Set TRUSTED_PROXY_COUNT to at least 1."
    )
HTTPS_ONLY = env.boolean("HTTPS_ONLY", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SESSION_COOKIE_AGE = int(timedelta(hours=env.integer("SESSION_HOURS", 12, least=1)).total_seconds())
SESSION_ENGINE = "accounts.sessions"
SESSION_EXPIRE_AT_BROWSER_CLOSE = False
REQUIRE_TWO_FACTOR = env.boolean("REQUIRE_TWO_FACTOR", False)
"""People who haven't set up two-factor authentication must do so after signing in."""
AUTHENTICATION_BACKENDS = ["capi_project.sign_in.PasswordBackend"]  # sessions hold this name
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
URL_PREFIX = env.text("URL_PREFIX").strip("/")
"""Serve everything below this path, for example ``relay`` for https://example.com/relay/."""
APPEND_SLASH = False  # ingest paths have no slash; a redirect would lose the body of a POST
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
ROOT_URLCONF = "capi_project.urls"
WSGI_APPLICATION = "capi_project.wsgi.application"

INSTALLED_APPS = [
    "capi_project.apps.LookConfig",
    "capi_project.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "destinations",
    "deliveries",
    "deliveries.alerts",
]
MIDDLEWARE = [
    "capi_project.observed.ObservedRequests",
    "deliveries.ingest.middleware.IngestFront",
    "capi_project.https.HttpsMiddleware",
    "capi_project.headers.PageHeadersMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "capi_project.language.LanguageMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.two_factor_gate.TwoFactorGate",
    "django.contrib.messages.middleware.MessageMiddleware",
    "capi_project.viewer_zone.ViewerZoneMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
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
                "capi_project.documentation.footer",
            ],
        },
    },
]
STATIC_URL = f"/{URL_PREFIX}/static/" if URL_PREFIX else "/static/"
STATICFILES_DIRS = [BASE_DIR / "capi_project" / "static"]
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = True  # no collectstatic step is needed to try the product out
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LANGUAGE_CODE = env.text("LANGUAGE_CODE", "en").lower()
"""For browsers that ask for none of LANGUAGES (docs/operations.md, "Languages")."""
if LANGUAGE_CODE not in dict(global_settings.LANGUAGES):
    env.mistakes.append(
        f"LANGUAGE_CODE={LANGUAGE_CODE!r} isn't a language that Django knows, such as de or pt-br."
    )
LANGUAGES = [
    (code, name) for code, name in global_settings.LANGUAGES if code in ("en", "de", LANGUAGE_CODE)
]
LOCALE_PATHS = [
    BASE_DIR / "locale",
    BASE_DIR / "locale" / "libraries",  # words of Django and django-unfold
]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "CAPI Relay: ingest API",
    "DESCRIPTION": "The part of RudderStack's and Segment's HTTP API that a data plane provides.",
    "VERSION": VERSION,
    "SERVERS": [{"url": f"/{URL_PREFIX}" if URL_PREFIX else "/"}],
    "SERVE_INCLUDE_SCHEMA": False,
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "writeKey": {
                "type": "http",
                "scheme": "basic",
                "description": "A source's write key as the username; the password is ignored.",
            }
        }
    },
    "SWAGGER_UI_DIST": "SIDECAR",  # nothing is loaded from other hosts
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Database: SQLite in the data folder, or DATABASE_URL ---------------------------------------
DATABASE_URL = env.url("DATABASE_URL", "", ("postgres", "postgresql", "sqlite"))
if DATABASE_URL.startswith("postgres"):
    DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=None)}
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
else:
    if sqlite3.sqlite_version_info < (3, 35):
        env.mistakes.append(
            f"This Python has SQLite {sqlite3.sqlite_version}. Use 3.35 or newer, "
            "or set DATABASE_URL to a PostgreSQL server."
        )
    path = DATABASE_URL.partition(":///")[2] or str(DATA_DIR / "capi_relay.sqlite3")
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": path,
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                # Writers queue at BEGIN instead of failing half-way through a transaction.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # FULL: an event that was answered with 200 survives a power cut.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    }

# --- Redis: shared cache and Celery broker, or files in the data folder --------------------------
REDIS_URL = env.url("REDIS_URL", "", ("redis", "rediss", "unix"))
if REDIS_URL:
    CACHES: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            # Ingest asks it how fast a source sends: one that hangs must not hang ingest.
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1},
        }
    }
else:
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": DATA_DIR / "cache",
        },
        # Sign-in attempts (accounts/throttle.py): no other entries push them out.
        "logins": {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": DATA_DIR / "cache" / "logins",
            "TIMEOUT": 900,
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        },
    }
CELERY_BROKER_URL = (
    env.url("CELERY_BROKER_URL", "", ("redis", "rediss", "amqp", "amqps", "filesystem"))
    or REDIS_URL
    or "filesystem://localhost"
)

# --- Where conversions go ------------------------------------------------------------------------
PINTEREST_API_URL = env.url("PINTEREST_API_URL", "https://api.pinterest.com", ("https", "http"))
PINTEREST_LEGACY_URL = env.url(
    "PINTEREST_LEGACY_URL", "https://ct.pinterest.com", ("https", "http")
)
SANDBOX_URL = env.url("SANDBOX_URL", "http://127.0.0.1:8100", ("https", "http"))
CONNECT_TIMEOUT_SECONDS = env.number("CONNECT_TIMEOUT_SECONDS", 5, least=0.1, most=60)
READ_TIMEOUT_SECONDS = env.number("READ_TIMEOUT_SECONDS", 30, least=0.1, most=120)

# --- Delivery ------------------------------------------------------------------------------------
BATCH_MAX_CONVERSIONS = env.integer("BATCH_MAX_CONVERSIONS", 1000, least=1, most=1000)
BATCH_MAX_BYTES = env.integer("BATCH_MAX_BYTES", 2_000_000, least=100_000)
BATCH_LINGER_SECONDS = env.number("BATCH_LINGER_SECONDS", 2, most=60)
"""How long to wait for a batch to fill."""
LEASE_SECONDS = env.integer("LEASE_SECONDS", 120, least=10, most=3600)
"""How long a claim holds its deliveries; a dead worker's are claimed again after that."""
if LEASE_SECONDS <= CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS:
    env.mistakes.append(
        "LEASE_SECONDS must be greater than CONNECT_TIMEOUT_SECONDS plus READ_TIMEOUT_SECONDS, "
        "so that a request ends while its deliveries are still leased."
    )
DESTINATION_CONCURRENCY = env.integer("DESTINATION_CONCURRENCY", 4, least=1, most=100)
"""Requests one destination may have in flight; a destination can set its own."""
RETRY_DELAYS_SECONDS = env.numbers("RETRY_DELAYS_SECONDS", most=86_400)
"""The wait after the first, second … failed attempt; empty: the schedule in
deliveries/engine/retry.py."""
SWEEP_SECONDS = env.number("SWEEP_SECONDS", 1, least=0.2, most=60)

READY_OLDEST_DUE_SECONDS = env.number("READY_OLDEST_DUE_SECONDS", 900, least=10)
"""/readyz answers 503 while a delivery that could be sent has waited longer than this."""
READY_WORKER_SECONDS = env.number("READY_WORKER_SECONDS", 60, least=10)
"""/readyz answers 503 when no worker has swept for this long."""

# --- Ingest --------------------------------------------------------------------------------------
MAX_REQUEST_BYTES = env.integer("MAX_REQUEST_BYTES", 4_096_000, least=1_000)
"""After gunzip; RudderStack's own limit."""
MAX_EVENT_BYTES = env.integer("MAX_EVENT_BYTES", 512_000, least=1_000)
"""An order of 160 products has 44 KB; RudderStack's server has no limit of its own for an event."""
PUBLIC_EVENTS_PER_SECOND = env.number("PUBLIC_EVENTS_PER_SECOND", 50, most=100_000)
"""Of one visitor with a public write key, ten times as many at once; 0: no limit."""
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # ingest has its own, exact limit (MAX_REQUEST_BYTES)

# --- Data retention
# -------------------------------------------------------------------------------------
BODY_RETENTION_DAYS = env.integer("BODY_RETENTION_DAYS", 30, least=1)
"""Events as received, requests and replies, which contain personal data."""
LOG_RETENTION_DAYS = env.integer("LOG_RETENTION_DAYS", 90, least=1)
if LOG_RETENTION_DAYS < BODY_RETENTION_DAYS:
    env.mistakes.append("LOG_RETENTION_DAYS must not be less than BODY_RETENTION_DAYS.")

# --- Identity memory -----------------------------------------------------------------------------
IDENTITY_RETENTION_DAYS = env.integer("IDENTITY_RETENTION_DAYS", 180, least=1)
"""A person of whom no event came for so long is forgotten."""
IDENTITY_CLICK_DAYS = env.integer("IDENTITY_CLICK_DAYS", 30, least=1, most=365)
"""A remembered click ID completes events up to so long after it was seen first."""
IDENTITY_ADDRESS_HOURS = env.integer("IDENTITY_ADDRESS_HOURS", 24, least=1, most=720)
"""The same for a visitor's address and user agent."""
IDENTITY_SECOND_CHANCE_HOURS = env.integer("IDENTITY_SECOND_CHANCE_HOURS", 24, least=1, most=168)
"""How long a delivery waits for an event that says who it was, or that grants consent."""

# --- Email ---------------------------------------------------------------------------------------
EMAIL_URL = env.url("EMAIL_URL", "", ("smtp", "smtp+tls", "smtps"))
"""The mail server that sends links to choose a password; none: administrators pass them on."""
PUBLIC_URL = env.url("PUBLIC_URL", "", ("http", "https"))
"""Where people open this installation, for links in emails and alerts, such as
https://relay.example.com; without URL_PREFIX."""
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM")
_mail = urlsplit(EMAIL_URL)
EMAIL_HOST, EMAIL_USE_TLS, EMAIL_USE_SSL = (
    _mail.hostname or "",
    _mail.scheme == "smtp+tls",
    _mail.scheme == "smtps",
)
EMAIL_PORT = _mail.port or {"smtps": 465, "smtp+tls": 587}.get(_mail.scheme, 25)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_mail.username or ""), unquote(_mail.password or "")
EMAIL_TIMEOUT = 10
if EMAIL_URL and not (PUBLIC_URL and DEFAULT_FROM_EMAIL):
    env.mistakes.append("EMAIL_URL needs PUBLIC_URL and EMAIL_FROM as well.")
PASSWORD_RESET_TIMEOUT = int(timedelta(hours=72).total_seconds())

SEARCH_KEYS = env.boolean("SEARCH_KEYS", True)
"""Keep hashes by which the log finds an order, an email address or a user ID."""

# --- Alerts --------------------------------------------------------------------------------------
ALERTS_ALLOW_PRIVATE = env.boolean("ALERTS_ALLOW_PRIVATE", False)
"""Channels may lead to this machine and its network, and a webhook's URL may be http."""

# --- Metrics -------------------------------------------------------------------------------------
METRICS_TOKEN = env.text("METRICS_TOKEN")
"""Whoever sends it as a bearer token may read /metrics."""
METRICS_ALLOWED_IPS = env.networks("METRICS_ALLOWED_IPS")
"""And whoever asks from these networks. Without either there is no /metrics."""
METRICS_ON = bool(METRICS_TOKEN or METRICS_ALLOWED_IPS)
METRICS_DIR = DATA_DIR / "metrics"
if 0 < len(METRICS_TOKEN) < 16:
    env.mistakes.append("METRICS_TOKEN must have at least 16 characters.")

# --- Logging -------------------------------------------------------------------------------------
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")).upper()
LOG_FORMAT = env.choice("LOG_FORMAT", "text", ("text", "json"))
"""Lines for people, or a JSON object each."""
configure_logging(in_json=LOG_FORMAT == "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "capi_project.log_lines.make_formatter", "in_json": LOG_FORMAT == "json"}
    },
    "filters": {
        "client": {"()": "capi_project.log_lines.WithoutClientTracebacks"},
        "path": {"()": "capi_project.log_lines.WithoutPaths"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["client", "path"],
        },
        "nowhere": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # urllib3 logs full URLs, which hold advertiser IDs, at DEBUG.
        "urllib3": {"level": "INFO"},
        # Apprise logs tokens at DEBUG. What a channel answered is read from here, and shown on its
        # page (deliveries/alerts/sending.py).
        "apprise": {"level": "DEBUG", "handlers": ["nowhere"], "propagate": False},
        # Celery says of every task that it was sent, received and done: three lines a second.
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

SENTRY_DSN = env.url("SENTRY_DSN", "", ("https", "http"))
"""Where errors are reported to (capi_project.error_reports)."""
if SENTRY_DSN and find_spec("sentry_sdk") is None:
    env.mistakes.append("SENTRY_DSN needs the packages of requirements-sentry.txt.")

OTEL_ON = bool(env.url("OTEL_EXPORTER_OTLP_ENDPOINT", "", ("https", "http")))
"""Trace events (deliveries.stats.traces); OpenTelemetry reads the rest of its variables itself."""
if OTEL_ON and find_spec("opentelemetry.sdk") is None:
    env.mistakes.append("OTEL_EXPORTER_OTLP_ENDPOINT needs the packages of requirements-otel.txt.")

env.finish()
protect(
    DATA_DIR,
    *(
        Path(database["NAME"])
        for database in DATABASES.values()
        if database["ENGINE"] == "django.db.backends.sqlite3"
    ),
)
