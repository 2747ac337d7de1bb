"""Settings of `make run` and of development: readable errors, mail into the portal's own mail page, demo if asked."""

from governance.settings.base import *  # noqa: F403  a settings module is its names
from governance.settings.base import DEMO_APP, INSTALLED_APPS
from governance.settings.env import read_settings
from governance.settings.logs import configure

ENV = read_settings(production=False)
globals().update(ENV)
LOGGING = configure(ENV["LOG_LEVEL"], json=False)
INSTALLED_APPS = [DEMO_APP, *INSTALLED_APPS]
DEBUG = False
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
STATIC_ROOT = None  # files are served from where they lie; nothing is collected
WHITENOISE_USE_FINDERS = True
