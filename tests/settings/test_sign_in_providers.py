"""The operator's file of sign-in providers: what is wrong is said by provider and key, without a secret (P1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.settings.sign_in_providers import BadProviders, read_providers

RIGHT = """
[northwind]
name = "Northwind"
issuer = "https://login.northwind.example"
client_id = "countersign"
client_secret_file = "secret"
domains = ["northwind.example"]
"""
SECRET = "a secret that nobody prints"

WRONG = {
    "": "names no provider",
    "[northwind": "can't be read",
    'name = "x"': "name: stands outside a table",
    "[northwind]": "northwind: name is missing",
    RIGHT.replace(
        "[northwind]", "[local]"
    ): "local: its name in brackets has small letters, digits and dashes, and is not local",
    RIGHT.replace("[northwind]", "[North_Wind]"): "North_Wind: its name in brackets",
    RIGHT.replace(
        '"https://login.northwind.example"', '"http://login.northwind.example"'
    ): "northwind: issuer begins with https://",
    RIGHT.replace(
        '"https://login.northwind.example"', '"https://login.northwind.example?x"'
    ): "northwind: issuer begins with",
    RIGHT.replace('"https://login.northwind.example"', '"https://[x"'): "northwind: issuer begins with",
    RIGHT.replace('"https://login.northwind.example"', "7"): "northwind: issuer must be a str",
    RIGHT.replace('["northwind.example"]', '["Northwind"]'): "northwind: Northwind is no domain in small letters",
    RIGHT.replace('["northwind.example"]', "[7]"): "northwind: domains and scopes are lists of texts",
    RIGHT.replace('["northwind.example"]', '"northwind.example"'): "northwind: domains must be a list",
    RIGHT + 'scopes = ["email"]': "northwind: scopes lacks openid",
    RIGHT + "admits = 1": "northwind: admits must be a bool",
    RIGHT + 'client_secret = "x"': "northwind: client_secret is unknown",
    RIGHT.replace('"secret"', '"nowhere"'): "northwind: client_secret_file can't be read: No such file",
    RIGHT.replace('"secret"', '"empty"'): "northwind: client_secret_file has less than 1 characters",
    RIGHT + 'provisioning_token_file = "short"\n': "northwind: provisioning_token_file has less than 24 characters",
    RIGHT
    + RIGHT.replace("[northwind]", "[second]").replace(
        "login.", "other."
    ): "second: northwind.example belongs to northwind",
    RIGHT
    + RIGHT.replace("[northwind]", "[second]").replace(
        '["northwind.example"]', "[]"
    ): "second: https://login.northwind.example belongs to",
    RIGHT + 'subject = ""': "northwind: subject names no claim",
    RIGHT.replace("https://login", "https://a b"): "northwind: issuer begins with",
    RIGHT.replace('.example"\nclient', '.example:99999"\nclient'): "northwind: issuer begins with",
    RIGHT.replace('"secret"', '"a\\u0000b"'): "northwind: client_secret_file can't be read",
    "a = " + "[" * 5000: "can't be read",
}


def file_of(folder: Path, text: str) -> Path:
    """The file, with its secret beside it."""
    (folder / "secret").write_text(f"{SECRET}\n")
    (folder / "short").write_text("short")
    (folder / "empty").write_text("\n")
    (folder / "providers.toml").write_text(text)
    return folder / "providers.toml"


@pytest.mark.rule("P1")
@pytest.mark.parametrize(("text", "sentence"), WRONG.items())
def test_wrong_provider_is_named_with_its_key(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadProviders) as error:
        read_providers(file_of(tmp_path, text))
    assert sentence in str(error.value)
    assert SECRET not in str(error.value)


@pytest.mark.rule("P1")
def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadProviders, match=r"nowhere\.toml can't be read: No such file"):
        read_providers(tmp_path / "nowhere.toml")


@pytest.mark.rule("P1")
def test_right_file_becomes_allauths_settings(tmp_path: Path) -> None:
    app = read_providers(file_of(tmp_path, RIGHT))["openid_connect"]["APPS"][0]
    assert (app["provider_id"], app["name"], app["client_id"], app["secret"]) == (
        "northwind",
        "Northwind",
        "countersign",
        SECRET,
    )
    assert app["settings"] == {
        "server_url": "https://login.northwind.example/.well-known/openid-configuration",
        "issuer": "https://login.northwind.example",
        "uid_field": "sub",
        "scope": ["openid", "profile", "email"],
        "oauth_pkce_enabled": True,
        "domains": ["northwind.example"],
        "admits": True,
        "second_factor": False,
        "provisioning_token": "",
    }
