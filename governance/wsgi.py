"""The web process: granian serves `application`."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

UTF_8 = "utf-8"

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings.dev")
_django = get_wsgi_application()

import governance.celery  # noqa: E402, F401  nudges of a request go through this application
from governance.settings import garbage_collection  # noqa: E402

garbage_collection.leave_what_stands()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django, which is not told of an encoding that it can't decode a text with.

    It would try it on the query before any of our code runs, and some (``rot13``) raise; so do parameters in such an encoding.
    `RequestActorMiddleware` refuses it in words, by whatever name.
    """
    content_type = environ.get("CONTENT_TYPE", "")
    if not _is_readable(content_type):
        environ["CONTENT_TYPE"] = f"{content_type.partition(';')[0]}; charset=unread"
    return _django(environ, start_response)


def _is_readable(content_type: str) -> bool:
    """Whether it can be parsed, as Django parses it, and names no encoding but ours."""
    try:
        charset = parse_header_parameters(content_type)[1].get("charset", UTF_8)
    except (ValueError, LookupError, TypeError, AttributeError):
        return False
    return charset.lower() in (UTF_8, "utf8")
