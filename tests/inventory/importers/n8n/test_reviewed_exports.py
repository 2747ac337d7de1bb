"""What a person noticed in real exports and the importer did not (docs/importers.md), one sentence each."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.importers.manifest import Privilege, privilege_key
from tests.inventory.importers.samples import AI, bound, codes, manifest_of, node


def _only(*nodes: dict[str, Any]) -> Privilege:
    (privilege,) = manifest_of(*nodes).privileges
    return privilege


# An operation that is an HTTP method


@pytest.mark.rule("I4", "I8")
@pytest.mark.parametrize(
    ("method", "operation", "access"),
    [
        ({"httpRequestMethod": "POST"}, "post", "write"),
        ({"httpRequestMethod": "DELETE"}, "delete", "write"),
        ({"httpRequestMethod": "={{ $json.method }}"}, "*", "unknown"),
        ({"httpRequestMethod": "GET"}, "get", "read"),
        ({}, "get", "read"),
    ],
)
def test_configured_http_method_decides_level(method: dict[str, str], operation: str, access: str) -> None:
    privilege = _only(node("facebookGraphApi", "A", 1, bound("facebookGraphApi"), node="1", edge="feed", **method))
    assert (privilege.operation, privilege.access, privilege.target) == (operation, access, "1/feed")
    assert ("operation" in privilege.assumed) == (not method)


# Who may call


@pytest.mark.rule("T2", "I8")
@pytest.mark.parametrize("authentication", ["{{ $credentials.basicAuth }}", "={{ $json.how }}"])
@pytest.mark.parametrize("credentials", [None, bound("httpBasicAuth")])
def test_computed_authentication_protects_nothing(authentication: str, credentials: Any) -> None:
    manifest = manifest_of(node("webhook", "A", 2, credentials, path="orders", authentication=authentication))
    assert not manifest.triggers[0].authenticated
    assert "open_webhook" in codes(manifest)
    (finding,) = [each for each in manifest.findings if each.code == "open_webhook"]
    assert "computed" in finding.detail


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        ({"multipleMethods": True}, "GET, POST /o"),
        ({"multipleMethods": True, "httpMethod": ["GET", "DELETE"]}, "GET, DELETE /o"),
        ({"multipleMethods": False}, "GET /o"),
    ],
)
def test_a_webhook_of_several_methods_takes_a_post_where_it_names_none(parameters: dict[str, Any], detail: str) -> None:
    assert manifest_of(node("webhook", "A", 2, path="o", **parameters)).triggers[0].detail == detail


# Credentials that are there, or not, or needed, or not


@pytest.mark.rule("I6")
@pytest.mark.parametrize("identifier", ["CONFIGURE_ME", "CONFIGURA_IN_N8N", "SLACK_CREDENTIAL_ID"])
def test_upper_case_id_binds_nothing(identifier: str) -> None:
    manifest = manifest_of(node("slack", "A", 2.3, bound("slackApi", identifier)))
    assert manifest.privileges[0].credential is not None
    assert not manifest.privileges[0].credential.bound
    assert manifest.privileges[0].instance == ""
    assert "unbound_credential" in codes(manifest)


@pytest.mark.parametrize("identifier", ["63", "KnSSZQEFv82oFpIv", "ABCDEFGHIJKLMNOP", "cred_1"])
def test_an_id_that_a_platform_wrote_binds(identifier: str) -> None:
    privilege = _only(node("slack", "A", 2.3, bound("slackApi", identifier)))
    assert privilege.credential is not None
    assert privilege.credential.bound


@pytest.mark.parametrize(
    ("parameters", "credential"),
    [
        ({"operation": "push", "authentication": "gitPassword"}, "gitPassword"),
        ({"operation": "clone", "sourceRepository": "https://git.example/a.git"}, None),
        ({"operation": "commit"}, None),
    ],
)
def test_git_password_setting_is_read(parameters: dict[str, str], credential: str | None) -> None:
    privilege = _only(node("git", "A", 1, **parameters))
    assert (privilege.credential.type if privilege.credential else None) == credential


@pytest.mark.parametrize(
    ("built", "credential"),
    [
        (node("googleSheets", "A", 1), "googleApi"),
        (node("googleSheets", "A", 4.5), "googleSheetsOAuth2Api"),
        (node("googleSheets", "A", 1, authentication="oAuth2"), "googleSheetsOAuth2Api"),
        (node("airtable", "A", 1), "airtableApi"),
        (node("airtable", "A", 2.1), "airtableTokenApi"),
        (node("googleSheetsTrigger", "A", 1), "googleSheetsTriggerOAuth2Api"),
        (node("googleDriveTrigger", "A", 1), "googleDriveOAuth2Api"),
    ],
)
def test_the_credential_that_is_missing_is_the_one_that_version_asks_for(
    built: dict[str, Any], credential: str
) -> None:
    privilege = _only(built)
    assert privilege.credential is not None
    assert (privilege.credential.type, privilege.credential.bound) == (credential, False)


# An editor's memory, and its settings


def test_cached_editor_value_is_no_expression() -> None:
    table = {"__rl": True, "mode": "list", "value": "t1", "cachedResultUrl": "{{ $env.BASE_URL }}"}
    assert "env_reference" not in codes(manifest_of(node("airtable", "A", 2.1, bound("airtableTokenApi"), table=table)))
    table["value"] = "={{ $env.TABLE }}"
    assert "env_reference" in codes(manifest_of(node("airtable", "A", 2.1, bound("airtableTokenApi"), table=table)))


@pytest.mark.rule("I7")
def test_a_document_is_one_however_it_was_chosen() -> None:
    document = "1AbCdEfGhIjKlMnOpQrStUvWxYz"
    address = f"https://docs.google.com/spreadsheets/d/{document}/edit?gid=1#gid=1"
    chosen = [
        {"__rl": True, "mode": "id", "value": document},
        {"__rl": True, "mode": "url", "value": address},
        {"__rl": True, "mode": "list", "value": document, "cachedResultName": "Prices"},
    ]
    privileges = [
        _only(node("googleSheets", "A", 4.5, bound("googleSheetsOAuth2Api"), documentId=each, sheetName="Q1"))
        for each in chosen
    ]
    assert {each.target for each in privileges} == {f"{document}/Q1"}
    assert len({privilege_key(each, "r") for each in privileges}) == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://docs.google.com.evil.example/spreadsheets/d/1AbCdEfGhIjKl/edit",
        "https://docs.google.com/spreadsheets/d/{{ $json.id }}/edit",
        "https://sheets.example/d/1AbCdEfGhIjKl",
    ],
)
def test_an_address_that_is_no_documents_of_googles_stays_an_address(address: str) -> None:
    privilege = _only(node("googleDocs", "A", 2, bound("googleDocsOAuth2Api"), operation="get", documentURL=address))
    assert privilege.target.startswith("https://")


def test_a_trigger_of_the_ai_package_is_no_different() -> None:
    manifest = manifest_of(
        node(AI + "mcpTrigger", "A", 2, bound("httpBearerAuth"), path="t", authentication="={{ $json.a }}")
    )
    assert not manifest.triggers[0].authenticated
