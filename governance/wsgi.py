"""The web process: granian serves `application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings.dev")
application = get_wsgi_application()

import governance.celery  # noqa: E402, F401  nudges of a request go through this application
