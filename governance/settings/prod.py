"""Settings of an installation that counts: a secret key is required, HTTPS is assumed, the clock can't be moved."""

from governance.settings.base import *  # noqa: F403  a settings module is its names
from governance.settings.env import read_settings
from governance.settings.logs import configure

ENV = read_settings(production=True)
globals().update(ENV)
LOGGING = configure(ENV["LOG_LEVEL"], json=True)
DEBUG = False
SECURE_SSL_REDIRECT = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
# Limits on sign-in attempts hold over every web process.
CACHES = {"default": {"BACKEND": "governance.web.requests.attempt_cache.RedisOrMemory", "LOCATION": ENV["BROKER_URL"]}}
