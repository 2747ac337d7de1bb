"""Which verb of a name sets its level: the strongest one that is a verb there, never one that is an object."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from inventory.importers.display import vocabulary
from inventory.importers.operation_words import access_of, words
from tests.inventory.importers.samples import bound, bring, manifest_of, node, server

#: What a description of a tool begins with, where the tool only reads.
READS = vocabulary(
    """
    autocomplete check enrich enriches explain fetch fetches find get list lists match perform ping preview read retrieve retrieves
    search searches show shows
    """
)
#: What a description begins with, where the tool changes something.
CHANGES = vocabulary(
    """
    activate add cancel change confirm create creates deactivate deactivates delete enable finalizes forward install modify place
    remove replace scale send switch uninstall update updates upgrade upload
    """
)


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("history_clear", "write"),
        ("status_update", "write"),
        ("read_write_file", "write"),
        ("scan_and_fix", "write"),
        ("search_replace", "write"),
        ("find_and_replace", "write"),
        ("findOneAndUpdate", "write"),
        ("get_and_delete", "write"),
        ("read_modify_write", "write"),
        ("select_then_delete", "write"),
        ("info_edit", "write"),
        ("list_delete", "write"),
        ("list_update", "write"),
        ("playlist_update", "write"),
        ("checkAndFix", "write"),
        ("load_and_run", "execute"),
        ("resolve_issue", "write"),
        ("resolve_review_thread", "write"),
        ("resolve_incident", "write"),
        ("resolve", "write"),
        ("git_commit", "write"),
        ("mark_as_read", "write"),
        ("update_read_status", "write"),
        ("run_query", "execute"),
        ("user_delete", "admin"),
        ("role_assign", "admin"),
        ("members_remove", "admin"),
        ("list_and_grant", "admin"),
    ],
)
def test_strongest_verb_of_a_name_wins(name: str, level: str) -> None:
    assert access_of(name) == level


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    "name",
    [
        "get_update",
        "list_comments",
        "read_post",
        "get_move_history",
        "get_post",
        "getOrder",
        "get_release_by_tag",
        "get_latest_release",
        "slack_get_reply",
        "get_delete_preview",
        "describe_update",
        "fetch_draft",
        "list_release",
        "search_pull_request",
        "find_label",
        "check_order",
        "pull_request_read",
        "order_get",
        "comment_list",
        "release_list",
        "list_check_runs",
        "get_job_run",
        "list_trigger",
        "channel_history",
        "order_list",
        "resolve-library-id",
        "resolve_hostname",
        "resolveUrl",
        "get_block",
        "list_block_children",
        "get_checkout",
        "get_charge",
        "get_start_time",
        "get_invite",
        "get_delete_status",
        "get_compute_instance",
        "export_order",
        "download_release",
        "load_file",
        "look_into_order",
    ],
)
def test_a_verb_that_is_the_object_does_not_count(name: str) -> None:
    assert access_of(name) == "read"


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    "name",
    [
        "get_set",
        "get_delete_all",
        "get_create",
        "fetch_delete",
        "show_delete",
        "show_drop_table",
        "describe_drop",
        "retrieve_insert",
        "export_import",
        "download_move",
        "scan_import",
        "validate_deploy",
        "export_deploy",
        "verify_transfer",
        "check_in",
        "checkIn",
        "check_out_book",
        "compare_and_swap",
        "detect_and_block",
        "view_and_sign",
        "load_into_table",
        "select_into",
    ],
)
def test_a_changing_verb_behind_a_reading_one_is_writing(name: str) -> None:
    assert access_of(name) == "write"


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("name", "level"),
    [("load_extension", "execute"), ("loadPlugin", "execute"), ("assume_role", "admin"), ("sudo", "admin")],
)
def test_code_that_is_loaded_and_a_role_that_is_taken_are_no_reading(name: str, level: str) -> None:
    assert access_of(name) == level


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("connector", "version", "parameters"),
    [
        ("microsoftEntra", 1, {"resource": "group", "operation": "create"}),
        ("microsoftEntra", 1, {"resource": "user", "operation": "addGroup"}),
        ("awsIam", 1, {"resource": "group", "operation": "delete"}),
        ("awsCognito", 1, {"resource": "group", "operation": "update"}),
        ("gSuiteAdmin", 1, {"resource": "group", "operation": "create"}),
        ("ldap", 1, {"operation": "create"}),
        ("ldap", 1, {"operation": "update"}),
        ("ldap", 1, {"operation": "rename"}),
        ("ldap", 1, {"operation": "delete"}),
        ("n8n-nodes-keycloak.keycloak", 1, {"resource": "group", "operation": "create"}),
    ],
)
def test_a_change_of_groups_in_an_identity_system_is_admin(
    connector: str, version: float, parameters: dict[str, str]
) -> None:
    (privilege,) = manifest_of(node(connector, "A", version, bound("someApi"), **parameters)).privileges
    assert privilege.access == "admin"


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("connector", "parameters", "level"),
    [
        ("microsoftEntra", {"resource": "group", "operation": "getAll"}, "read"),
        ("ldap", {"operation": "search"}, "read"),
        ("ldap", {"operation": "compare"}, "read"),
        ("slack", {"resource": "channel", "operation": "create"}, "write"),
        ("asana", {"resource": "task", "operation": "update"}, "write"),
    ],
)
def test_reading_an_identity_system_and_groups_of_tasks_are_not_admin(
    connector: str, parameters: dict[str, str], level: str
) -> None:
    (privilege,) = manifest_of(node(connector, "A", 1, bound("someApi"), **parameters)).privileges
    assert privilege.access == level


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("credential", "url", "method", "level"),
    [
        ("oktaApi", "https://acme.okta.com/api/v1/groups/1/users/2", "PUT", "admin"),
        ("microsoftEntraOAuth2Api", "https://graph.microsoft.com/v1.0/groups", "POST", "admin"),
        ("", "https://acme.okta.com/api/v1/groups", "POST", "admin"),
        ("", "https://admin.googleapis.com/admin/directory/v1/groups", "POST", "admin"),
        ("", "https://iam.amazonaws.com/", "POST", "admin"),
        ("", "https://acme.okta.com/api/v1/groups", "GET", "read"),
        ("", "https://graph.microsoft.com/v1.0/me/sendMail", "POST", "write"),
        ("", "https://graph.microsoft.com/v1.0/groups/1/members/$ref", "POST", "admin"),
    ],
)
def test_a_change_by_http_in_an_identity_system_is_admin(credential: str, url: str, method: str, level: str) -> None:
    chosen = {"authentication": "predefinedCredentialType", "nodeCredentialType": credential} if credential else {}
    credentials = bound(credential) if credential else None
    (privilege,) = manifest_of(node("httpRequest", "A", 4.2, credentials, url=url, method=method, **chosen)).privileges
    assert privilege.access == level


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("okta", {"url": "https://mcp.example/mcp"}),
        ("srv", {"command": "npx", "args": ["-y", "okta-mcp-server@1.0.0"]}),
        ("srv", {"command": "uvx", "args": ["awslabs.iam-mcp-server@1.0.0"]}),
        ("srv", {"url": "https://acme.okta.com/mcp"}),
        ("entra-id", {"command": "python", "args": ["server.py"]}),
        ("srv", {"command": "npx", "args": ["-y", "azure-ad-mcp@1.0.0"]}),
        ("srv", {"command": "npx", "args": ["-y", "active-directory-mcp@1.0.0"]}),
        ("srv", {"command": "npx", "args": ["-y", "@acme/msgraph@1.0.0"]}),
        ("google-workspace", {"command": "uvx", "args": ["thing==1.0.0"]}),
        ("srv", {"command": "uvx", "args": ["workspace-mcp==1.0.0"]}),
    ],
)
def test_tools_of_an_identity_server_that_change_groups_are_admin(name: str, config: dict[str, object]) -> None:
    document = server(name, **config, tools=["create_group", "list_groups", "update_policy"])
    assert [each.access for each in bring(document).manifest.privileges] == ["admin", "read", "admin"]


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("okta", "activate"),
        ("okta", "delete_idp"),
        ("okta", "create_authorization_server"),
        ("auth0", "create_connection"),
        ("keycloak", "create_identity_provider"),
        ("azureAd", "create_group"),
        ("azure-ad-mcp", "create_group"),
        ("Microsoft Graph", "create_group"),
    ],
)
def test_any_change_in_an_identity_system_is_admin(service: str, operation: str) -> None:
    assert access_of(operation, service=service) == "admin"


@pytest.mark.rule("I4")
@pytest.mark.parametrize(
    ("service", "operation", "level"),
    [
        ("okta", "list_groups", "read"),
        ("okta", "get_idp", "read"),
        ("msgraph", "send_mail", "write"),
        ("msgraph", "create_event", "write"),
        ("google-workspace", "create_document", "write"),
        ("azure-storage", "upload_blob", "write"),
        ("active-campaign", "create_group", "write"),
        ("google-docs", "create_group", "write"),
    ],
)
def test_mail_files_and_other_services_of_the_vendor_are_not_admin(service: str, operation: str, level: str) -> None:
    assert access_of(operation, service=service) == level


@pytest.mark.rule("I4")
def test_a_page_that_airtop_loads_is_no_reading() -> None:
    built = node("airtop", "A", 1, bound("airtopApi"), resource="window", operation="load")
    (privilege,) = manifest_of(built).privileges
    assert privilege.access == "execute"


def test_descriptions_of_tools_agree_with_the_levels_of_their_names(real_exports: Path) -> None:
    """The first word of a tool's description is an oracle that the name does not know of."""
    tools = [
        (tool["name"], (words(tool.get("description") or "") or [""])[0])
        for path in sorted((real_exports / "imports" / "mcp_docker_registry").glob("*/tools.json"))
        for tool in json.loads(path.read_bytes())
    ]
    descriptions = [(name, first in READS) for name, first in tools if first in READS | CHANGES]
    levels = {name: access_of(name) for name, _ in descriptions}
    understated = [name for name, reads in descriptions if levels[name] == "read" and not reads]
    overstated = [name for name, reads in descriptions if reads and levels[name] not in ("read", "unknown")]
    unknown = [name for name, _ in descriptions if levels[name] == "unknown"]
    sys.stdout.write(
        f"{len(descriptions)} of {len(tools)} tools have a telling description; {len(unknown)} names unknown\n"
    )
    assert len(descriptions) >= 200
    assert understated == []
    assert overstated == []
    assert len(unknown) <= 3
