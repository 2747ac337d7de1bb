"""The providers of single sign-on (P1), as pages need them."""

from typing import NamedTuple

from django.conf import settings


class SignInProvider(NamedTuple):
    """One provider.

    Args:
        id: the source of its people.
        name: for buttons.
        domains: the mail domains whose people sign in there.
    """

    id: str
    name: str
    domains: tuple[str, ...]


def configured() -> list[SignInProvider]:
    """Return the providers of the settings, in the order of the file."""
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", ())
    return [SignInProvider(app["provider_id"], app["name"], tuple(app["settings"]["domains"])) for app in apps]


def of_address(address: str) -> SignInProvider | None:
    """Return the provider of an address, by its domain."""
    domain = address.rpartition("@")[2].lower()
    return next((provider for provider in configured() if domain in provider.domains), None)
