"""Sign-in providers (P1): the TOML file that ``SIGN_IN_PROVIDERS`` names, as allauth's settings of OpenID Connect.

One table for each provider; its name is the source of its people and never changes::

    [northwind]
    name = "Northwind"
    issuer = "https://login.northwind.example"
    client_id = "countersign"
    client_secret_file = "/etc/countersign/northwind.secret"
    domains = ["northwind.example"]
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

#: Keys of a provider, with the default of optional ones.
REQUIRED = ("name", "issuer", "client_id", "client_secret_file")
OPTIONAL: Mapping[str, Any] = {
    "second_factor": False,
    "provisioning_token_file": "",
    "domains": [],
    "subject": "sub",
    "scopes": ["openid", "profile", "email"],
    "admits": True,
}
#: Files with a secret, and its least length.
LEAST_SECRET = {"client_secret_file": 1, "provisioning_token_file": 24}
#: Words that people and addresses already use.
TAKEN = frozenset({"local"})

_ID = re.compile(r"[a-z][a-z0-9-]{0,29}")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


class BadProviders(ValueError):
    """The file has errors; the message has one sentence for each, without any value of a secret."""


def read_providers(path: Path) -> dict[str, Any]:
    """Return ``SOCIALACCOUNT_PROVIDERS``.

    Args:
        path: the TOML file. Paths in it are relative to its folder.

    Raises:
        BadProviders: the file or a file of a secret can't be read, or a provider is not described as it must be.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadProviders(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    problems = [f"{name}: {text}" for name, table in tables.items() for text in _problems(name, table)]
    if not tables:
        problems.append(f"{path} names no provider")
    if not problems:
        problems += _shared(tables)
    apps: list[dict[str, Any]] = []
    secrets: dict[str, str] = {}
    for name, table in {} if problems else tables.items():
        whole = {**OPTIONAL, **table}
        for key, least in LEAST_SECRET.items():
            secrets[key], problem = _secret(path.parent, whole[key], least)
            problems += [f"{name}: {key} {problem}"] if problem else []
        apps.append(_app(name, whole, secrets))
    if problems:
        raise BadProviders("; ".join(problems))
    return {"openid_connect": {"APPS": apps}}


def _secret(folder: Path, name: str, least: int) -> tuple[str, str]:
    """The secret of a file, or what is wrong with the file."""
    if not name:
        return "", ""
    try:
        secret = (folder / name).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        return "", f"can't be read: {getattr(error, 'strerror', None) or 'it is no text'}"
    return secret, "" if len(secret) >= least else f"has less than {least} characters"


def _problems(name: str, table: object) -> list[str]:
    """What is wrong with one provider."""
    if not isinstance(table, dict):
        return ["stands outside a table; begin with [name]"]
    problems = [f"{key} is missing" for key in REQUIRED if not table.get(key)]
    problems += [f"{key} is unknown" for key in table if key not in REQUIRED and key not in OPTIONAL]
    kinds = dict.fromkeys(REQUIRED, str) | {key: type(value) for key, value in OPTIONAL.items()}
    problems += [
        f"{key} must be a {kinds[key].__name__}" for key in table if key in kinds and type(table[key]) is not kinds[key]
    ]
    if problems:
        return problems
    if not _ID.fullmatch(name) or name in TAKEN:
        problems.append("its name in brackets has small letters, digits and dashes, and is not local")
    if not _is_issuer(table["issuer"]):
        problems.append("issuer begins with https:// and has no query")
    lists = [*table.get("domains", []), *table.get("scopes", [])]
    if any(not isinstance(entry, str) for entry in lists):
        return [*problems, "domains and scopes are lists of texts"]
    problems += [
        f"{domain[:60]} is no domain in small letters"
        for domain in table.get("domains", [])
        if not _DOMAIN.fullmatch(domain)
    ]
    if table.get("subject") == "":
        problems.append("subject names no claim")
    if "openid" not in table.get("scopes", ["openid"]):
        problems.append("scopes lacks openid")
    return problems


def _is_issuer(address: str) -> bool:
    """Whether an address may be an issuer (OpenID Connect Discovery 1.0, section 3); http only on this machine, for trials."""
    try:
        parts = urlsplit(address)
        here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        extras = parts.query or parts.fragment or parts.username or parts.port == 0
    except ValueError:
        return False
    is_plain = address.isascii() and address.isprintable() and " " not in address
    return (
        bool(parts.hostname)
        and is_plain
        and not extras
        and (parts.scheme == "https" or (parts.scheme == "http" and here))
    )


def _shared(tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Domains and issuers of more than one provider: an address, and an account, belongs to one."""
    owners: dict[str, str] = {}
    problems = []
    for name, table in tables.items():
        for entry in (table["issuer"].rstrip("/"), *table.get("domains", [])):
            if owners.setdefault(entry, name) != name:
                problems.append(f"{name}: {entry} belongs to {owners[entry]}")
    return problems


def _app(name: str, table: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """One app of allauth's provider."""
    details = {
        "server_url": f"{table['issuer'].rstrip('/')}/.well-known/openid-configuration",
        "issuer": table["issuer"],
        "uid_field": table["subject"],
        "scope": table["scopes"],
        "oauth_pkce_enabled": True,
        "domains": table["domains"],
        "admits": table["admits"],
        "second_factor": table["second_factor"],
        "provisioning_token": secrets["provisioning_token_file"],
    }
    return {
        "provider_id": name,
        "name": table["name"],
        "client_id": table["client_id"],
        "secret": secrets["client_secret_file"],
        "settings": details,
    }
