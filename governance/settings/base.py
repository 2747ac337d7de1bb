"""Settings that hold everywhere. What differs stands in dev, test and prod; what the operator sets comes from env."""

from datetime import date, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from governance.settings.env import ROOT, Network

BASE_DIR = ROOT

# What each settings module takes from the environment, by `env.read_settings`; named here for types where Django has no such setting.
TRUSTED_PROXIES: tuple[Network, ...]
BASE_URL: str
ORGANISATION: str
ORGANISATION_TIME_ZONE: str
ORGANISATION_HOLIDAYS: frozenset[date]
BROKER_URL: str
BROKER_FOLDER: Path
LEDGER_KEY_FILE: Path
DIGEST_KEY_FILE: Path
LEDGER_CHECKPOINT_FILE: Path
MAIL_DIGEST_AT: time
MAIL_GATHERING: timedelta
METRICS_TOKEN: str
AUDIT_STREAM_URL: str
AUDIT_STREAM_AUTHORIZATION: str
SOCIALACCOUNT_PROVIDERS: dict[str, Any]
PASSWORD_SIGN_IN: bool
MAIL_SERVER: dict[str, Any] | None
DEMO: bool


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
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "governance.web.requests.client_address.ClientAddressMiddleware",
    "governance.web.requests.middleware.CacheControlMiddleware",
    "governance.portal.health.probes.ProbeMiddleware",
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
    "governance.web.requests.middleware.Methods",
    "governance.web.requests.middleware.RequestActorMiddleware",
    "governance.web.pages.page.RefusalMiddleware",
    "governance.portal.typed_secrets.middleware.RefuseTypedSecrets",
]

ROOT_URLCONF = "governance.urls"
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
                "governance.web.pages.navigation.chrome",
            ],
            "builtins": ["template_partials.templatetags.partials", "governance.web.templatetags.countersign"],
        },
    }
]

AUTH_USER_MODEL = "controls.Person"
AUTHENTICATION_BACKENDS = ["governance.portal.sign_in.adapters.ByAddress"]
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
SOCIALACCOUNT_ADAPTER = "governance.portal.single_sign_on.adapters.ProviderAdapter"
SOCIALACCOUNT_STORE_TOKENS = False
ACCOUNT_SESSION_REMEMBER = False
#: Attempts by address (``ip``), account (``key``) and signed-in person (``user``), over all web processes (S5).
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/300s/key",
    "reauthenticate": "10/m/user",
    "change_password": "5/m/user",
    "reset_password": "20/m/ip,5/m/key",
    "reset_password_from_key": "20/m/ip",
}
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
#: The typefaces are served as their packages hold them.
FONTS = [find_spec(f"fontpkg_ibm_plex_{family}") for family in ("sans", "mono")]
STATICFILES_DIRS = [
    ROOT / "static",
    *(("fonts", Path(spec.origin).parent / "files") for spec in FONTS if spec is not None and spec.origin is not None),
]
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
