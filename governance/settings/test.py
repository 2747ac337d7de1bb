"""Settings of the tests: cheap password hashes, a movable clock, everything else as it runs for people."""

from governance.settings.dev import *  # noqa: F403  a settings module is its names

DEMO = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["default"] = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
