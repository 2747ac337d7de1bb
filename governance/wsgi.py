"""The web process: granian serves `application`."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings.dev")
_django = get_wsgi_application()

import governance.celery  # noqa: E402, F401  nudges of a request go through this application


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django, which is not told of an encoding that it can't decode a text with.

    It would try it on the query before any of our code runs, and some (``rot13``) raise. `RequestActorMiddleware` refuses it in
    words, by whatever name.
    """
    if "charset" in (said := environ.get("CONTENT_TYPE", "").lower()) and not said.endswith(
        ("utf-8", "utf8", 'utf-8"')
    ):
        environ["CONTENT_TYPE"] = f"{said.partition(';')[0]}; charset=unread"
    return _django(environ, start_response)
