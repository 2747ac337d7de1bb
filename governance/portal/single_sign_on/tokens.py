"""Checks of a provider's signed tokens: ID tokens (OpenID Connect Core 1.0, 3.1.3.7) and logout tokens (Back-Channel Logout 1.0, 2.6)."""

import time
from collections.abc import Mapping
from typing import Any

import jwt
from allauth.socialaccount.models import SocialApp

from governance.portal.single_sign_on import provider_client

#: Signatures that are accepted, all asymmetric (RFC 7518, RFC 8037). ``none`` and keyed hashes are not.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: Seconds by which clocks may differ.
LEEWAY = 60
#: Seconds after which a logout token is too old, and an authentication is not fresh.
LOGOUT_SECONDS, FRESH_SECONDS = 300, 300
#: Longest token, in characters.
LONGEST = 64 * 1024
#: Longest name of an account or session, in characters.
LONGEST_NAME = 255
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class BadToken(Exception):
    """A token is refused. The message says why, and repeats nothing of it."""


class NotFresh(BadToken):
    """A right token proves no fresh sign-in."""


def verify_id_token(app: SocialApp, token: object) -> dict[str, Any]:
    """Return the claims of an ID token after a check of signature, issuer, audience, and times.

    Raises:
        BadToken: a check failed.
        requests.RequestException: the provider's keys can't be read.
    """
    claims = _verified(app, token, required=("iss", "sub", "aud", "exp", "iat"))
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", app.client_id) != app.client_id or (len(audiences) > 1 and "azp" not in claims):
        raise BadToken("The token is for another client.")
    return claims


def verify_logout_token(app: SocialApp, token: object) -> dict[str, Any]:
    """Return the claims of a logout token, which names an account (``sub``), a session (``sid``) or both.

    Raises:
        BadToken: a check failed.
        requests.RequestException: the provider's keys can't be read.
    """
    claims = _verified(app, token, required=("iss", "aud", "iat", "jti", "events"))
    events = claims["events"]
    if not isinstance(events, Mapping) or not isinstance(events.get(LOGOUT_EVENT), Mapping) or "nonce" in claims:
        raise BadToken("The token is no logout token.")
    names = [claims[name] for name in ("sub", "sid") if name in claims]
    if not names or any(not text(name) for name in names):
        raise BadToken("The token names neither an account nor a session.")
    if not isinstance(claims["iat"], int | float) or time.time() - claims["iat"] > LOGOUT_SECONDS:
        raise BadToken("The token is too old.")
    return claims


def text(value: object) -> str:
    """Return a text that a database keeps, or nothing."""
    return value if isinstance(value, str) and len(value) <= LONGEST_NAME and value.isprintable() else ""


def authenticated_at(claims: Mapping[str, Any]) -> float:
    """When the person proved who they are to the provider, in seconds since the epoch; 1 if the provider does not say.

    A session of the provider may be hours old, so the time of the token proves nothing (S5).
    """
    at = claims.get("auth_time")
    is_time = isinstance(at, int | float) and not isinstance(at, bool) and 1 <= at <= time.time() + LEEWAY
    return min(float(at), time.time()) if is_time and at is not None else 1.0


def has_second_factor(claims: Mapping[str, Any]) -> bool:
    """Whether the provider says that several factors were proved (RFC 8176)."""
    methods = claims.get("amr")
    return isinstance(methods, list) and "mfa" in methods


def is_fresh(claims: Mapping[str, Any]) -> bool:
    """Whether the person has just proved who they are."""
    return time.time() - authenticated_at(claims) <= FRESH_SECONDS


def _verified(app: SocialApp, token: object, *, required: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(token, str) or len(token) > LONGEST:
        raise BadToken("There is no token.")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise BadToken("The token is not signed in an accepted way.")
        return jwt.decode(
            token,
            _key(app, header),
            algorithms=list(ALGORITHMS),
            audience=app.client_id,
            issuer=app.settings["issuer"],
            leeway=LEEWAY,
            options={"require": list(required), "enforce_minimum_key_length": True},
        )
    except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise BadToken(f"The token is refused: {type(error).__name__}.") from error


def _key(app: SocialApp, header: Mapping[str, Any]) -> jwt.PyJWK:
    """The key of a token. An unknown one is asked for once more, since providers change their keys."""
    for anew in (False, True):
        document = provider_client.keys(app.settings, anew=anew)
        for key in jwt.PyJWKSet.from_dict(document).keys:
            fits = key.key_id == header["kid"] if header.get("kid") else key.algorithm_name == header["alg"]
            if fits and key.public_key_use in (None, "sig"):
                return key
    raise BadToken("The key of the token is not one of the provider's.")
