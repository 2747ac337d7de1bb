"""Requests to a sign-in provider: its description and its keys, in bounded time and size.

The operator names the provider, so it may be in our own network. Its answers are read as those of a stranger.
"""

import json
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests

#: Seconds for a connection and between two parts of an answer, and for the whole of an answer.
STEP_SECONDS, WHOLE_SECONDS = 5, 10
#: Longest answer, in bytes.
LONGEST = 512 * 1024
#: Seconds that description and keys are kept, and between two looks for a key that is not among them.
KEPT_SECONDS, ANEW_SECONDS = 300, 60


#: Addresses that a description must have.
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class BoundedSession(requests.Session):
    """Follows no redirect, uses no proxy of the environment, and reads at most `LONGEST` bytes within `WHOLE_SECONDS`."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, *args: Any, **options: Any) -> requests.Response:
        """Send a request and read the answer.

        Raises:
            requests.RequestException: it can't be reached, takes too long or answers too much.
        """
        options |= {"timeout": STEP_SECONDS, "allow_redirects": False, "stream": True}
        began = time.monotonic()
        answer, content = super().request(*args, **options), b""
        while part := answer.raw.read1(64 * 1024, decode_content=True):
            content += part
            if len(content) > LONGEST or time.monotonic() - began > WHOLE_SECONDS:
                answer.close()
                raise requests.RequestException("The answer is too long or too slow.")
        answer._content = content  # where `requests` keeps a read answer
        return answer


def fetch(address: str) -> dict[str, Any]:
    """Return the JSON object at an address.

    Raises:
        requests.RequestException: there is no answer, or it is not a JSON object.
    """
    with BoundedSession() as session:
        answer = session.get(address)
    if answer.status_code != requests.codes.ok:
        raise requests.RequestException(f"The status of the answer is {answer.status_code}.")
    try:
        document = json.loads(answer.content)
    except (ValueError, RecursionError) as error:
        raise requests.RequestException("The answer is not JSON.") from error
    if not isinstance(document, dict):
        raise requests.RequestException("The answer is not a JSON object.")
    return document


def description(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return the provider's own description (OpenID Connect Discovery 1.0, section 4).

    Args:
        details: the settings of the provider, with ``server_url`` and ``issuer``.

    Raises:
        requests.RequestException: there is none, or it is of another issuer (section 4.3).
    """
    document = _kept(details["server_url"], int(time.time() // KEPT_SECONDS))
    if document.get("issuer") != details["issuer"]:
        raise requests.RequestException("The description is of another issuer.")
    wrong = [name for name in ENDPOINTS if not _is_address(document.get(name))]
    if wrong:
        raise requests.RequestException(f"The description lacks {wrong[0]}.")
    return document


def _is_address(value: object) -> bool:
    try:
        return isinstance(value, str) and urlsplit(value).scheme in ("https", "http") and bool(urlsplit(value).hostname)
    except ValueError:
        return False


def keys(details: Mapping[str, Any], *, anew: bool = False) -> dict[str, Any]:
    """Return the provider's key set (RFC 7517).

    Args:
        details: the settings of the provider.
        anew: whether to ask the provider although a set is kept: it may have changed its keys.

    Raises:
        requests.RequestException: there is none.
    """
    address = description(details)["jwks_uri"]
    period = int(time.time() // (ANEW_SECONDS if anew else KEPT_SECONDS))
    return _kept(address, period, anew)


@lru_cache(maxsize=64)
def _kept(address: str, period: int, anew: bool = False) -> dict[str, Any]:
    """The document of an address, kept within this process for a period."""
    return fetch(address)
