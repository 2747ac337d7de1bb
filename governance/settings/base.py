"""Settings that hold everywhere. What differs stands in dev, test and prod; what the operator sets comes from env."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

from csp.constants import NONE, SELF

from governance.settings.env import ROOT, Environment, Network, database

BASE_DIR = ROOT

#: How long the first thing that joins a person's digest waits for others, so that what one act or sweep causes makes one mail. Nobody
#: sits in front of a mailbox for it; in a demo somebody does.
GATHERING, GATHERING_IN_A_DEMO = timedelta(minutes=10), timedelta(seconds=10)

# What each settings module takes from the environment, by `from_environment` below; named here for readers and types.
SECRET_KEY: str
ALLOWED_HOSTS: list[str]
TRUSTED_PROXIES: tuple[Network, ...]
BASE_URL: str
ORGANISATION: str
ORGANISATION_TIME_ZONE: str
ORGANISATION_HOLIDAYS: frozenset[date]
DATABASES: dict[str, dict[str, object]]
BROKER_URL: str
BROKER_FOLDER: Path
LEDGER_KEY_FILE: Path
DIGEST_KEY_FILE: Path
LEDGER_CHECKPOINT_FILE: Path
MAIL_DIGEST_AT: time
MAIL_GATHERING: timedelta
EMAIL_URL: str
DEFAULT_FROM_EMAIL: str
DEMO: bool
LOG_LEVEL: str


def from_environment(env: Environment) -> dict[str, object]:
    """The settings that follow from the environment, as a mapping to be merged into a settings module."""
    return {
        "SECRET_KEY": env.secret_key,
        "ALLOWED_HOSTS": env.allowed_hosts,
        "TRUSTED_PROXIES": env.trusted_proxies,
        "BASE_URL": env.base_url,
        "ORGANISATION": env.organisation,
        "ORGANISATION_TIME_ZONE": env.time_zone,
        "ORGANISATION_HOLIDAYS": env.holidays,
        "MAIL_DIGEST_AT": env.mail_digest_at,
        "MAIL_GATHERING": GATHERING_IN_A_DEMO if env.demo else GATHERING,
        "DATABASES": {"default": database(env.database_url, pool_max=env.pool_max)},
        "BROKER_URL": env.redis_url,
        "BROKER_FOLDER": env.home / "broker",
        "LEDGER_KEY_FILE": env.ledger_key_file,
        "DIGEST_KEY_FILE": env.digest_key_file,
        "LEDGER_CHECKPOINT_FILE": env.checkpoint_file,
        "EMAIL_URL": env.email_url,
        "DEFAULT_FROM_EMAIL": env.email_from,
        "DEMO": env.demo,
        "LOG_LEVEL": env.log_level,
    }


#: Of dev and test settings alone. Its pages are installed with it.
DEMO_APP = "governance.demo"

INSTALLED_APPS = [
    "governance.core",
    "inventory",
    "approvals",
    "governance.recertification",
    "governance.web",
    "governance.portal",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "guardian",
    "simple_history",
    "template_partials",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]

MIDDLEWARE = [
    "governance.web.requests.client_address.ClientAddressMiddleware",
    "governance.web.requests.middleware.CacheControlMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "governance.web.requests.middleware.Methods",
    "governance.web.requests.middleware.RequestActorMiddleware",
    "governance.portal.typed_secrets.middleware.RefuseTypedSecrets",
]

ROOT_URLCONF = "governance.urls"
WSGI_APPLICATION = "governance.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "governance.web.pages.context_processor.chrome",
            ],
            "builtins": ["template_partials.templatetags.partials", "governance.web.templatetags.countersign"],
        },
    }
]

AUTH_USER_MODEL = "controls.Person"
AUTHENTICATION_BACKENDS = [
    "governance.portal.sign_in.adapters.ByModel",
    "governance.portal.sign_in.adapters.ByAddress",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ANONYMOUS_USER_NAME = None  # guardian: nobody is anybody
GUARDIAN_MONKEY_PATCH_USER = False
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]  # its backend answers has_perm, which nothing here asks

ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "governance.portal.sign_in.adapters.AccountAdapter"
MFA_ADAPTER = "governance.portal.sign_in.adapters.SecondFactorAdapter"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # nobody sends mail to strangers through us
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105  a class
PASSWORD_RESET_TIMEOUT = 3 * 24 * 60 * 60
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True  # htmx sends the token from the page's body, never from the cookie
SESSION_COOKIE_AGE = 12 * 60 * 60

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT: Path | None = ROOT / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True
SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_ENABLED = True

# An upload is bounded before it is parsed (I7); the importers bound it again by depth and count.
DATA_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 100
FILE_UPLOAD_HANDLERS = ["governance.web.requests.upload_limits.BoundedUploads"]  # a raw import never meets a disk (H7)

MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
