"""A directory provisions people by SCIM: what Entra ID and Okta send, and what follows for people here (P1, R8)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.test import Client
from django.urls import reverse

from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.directory import transitions
from governance.core.erasure.transitions import ask_erasure, erase
from governance.core.models import ApiToken, DirectoryEntry, Erasure, LedgerEvent, Person
from governance.core.people.transitions.delegations import delegate
from governance.core.roles.roles import Role
from governance.core.sign_in import accounts
from governance.core.sign_in.accounts import Account
from governance.core.tokens import transitions as token_transitions
from governance.portal.scim import storage
from tests.appointments import record_leaver
from tests.people import NOW, Northwind, as_actor, give_role
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("P1")]
TOKEN = "a-long-token-of-this-source"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@pytest.fixture(autouse=True)
def source(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sources, one of which provisions; business time stands still."""
    apps = [
        {
            "provider_id": name,
            "name": name.title(),
            "client_id": "x",
            "settings": {"domains": [], "provisioning_token": token},
        }
        for name, token in (("northwind", TOKEN), ("guests", ""), ("partners", f"{TOKEN}-of-partners"))
    ]
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": apps}}
    monkeypatch.setattr(current_time, "now", lambda: NOW)


def send(
    method: str, path: str, document: Any = None, *, token: str = TOKEN, source: str = "northwind", **headers: str
) -> Any:
    """One request of the directory."""
    body = b"" if document is None else document if isinstance(document, bytes) else json.dumps(document).encode()
    return Client(enforce_csrf_checks=True).generic(
        method,
        f"/scim/v2/{source}/{path}",
        body,
        content_type="application/scim+json",
        headers={"authorization": f"Bearer {token}", **headers},
    )


def user(name: str, **more: Any) -> dict[str, Any]:
    """A user as Entra ID creates it; None leaves out."""
    about = {"displayName": name.title(), "externalId": f"key-of-{name}", "active": True}
    email = [{"primary": True, "type": "work", "value": f"{name}@northwind.example"}]
    made = {"schemas": [USER], "userName": f"{name}@northwind.example", "emails": email, **about, **more}
    return {word: value for word, value in made.items() if value is not None}


def created(name: str, **more: Any) -> str:
    """The id of a user that was created."""
    answer = send("POST", "Users", user(name, **more))
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def patch(key: str, *operations: dict[str, Any], kind: str = "Users") -> Any:
    """Change a resource."""
    return send("PATCH", f"{kind}/{key}", {"schemas": [PATCH], "Operations": list(operations)})


def person(name: str) -> Person:
    """The person of a user."""
    return Person.objects.get(source="northwind", subject=f"key-of-{name}")


# --- refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", f"{TOKEN} ", f"{TOKEN}x", "ü", f"{TOKEN}-of-partners"])
@pytest.mark.parametrize("path", ["Users", "Users/1", "Groups", "Schemas", "ServiceProviderConfig", "nothing"])
def test_request_without_token_of_source_is_refused(token: str, path: str) -> None:
    if token.strip() == TOKEN:
        token = token.replace("-", "_")
    for method in ("GET", "POST", "DELETE"):
        answer = send(method, path, user("lena"), token=token)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="SCIM"')
    assert not DirectoryEntry.objects.exists()


@pytest.mark.parametrize("source", ["guests", "another"])
@pytest.mark.parametrize("token", ["", TOKEN])
def test_source_without_token_is_closed(source: str, token: str) -> None:
    assert send("GET", "Users", source=source, token=token).status_code == 401


def test_source_sees_and_changes_its_own_entries_alone() -> None:
    key = created("lena")
    other = {"source": "partners", "token": f"{TOKEN}-of-partners"}
    assert send("GET", "Users", **other).json()["totalResults"] == 0
    for method in ("GET", "DELETE", "PUT", "PATCH"):
        assert send(method, f"Users/{key}", user("lena"), **other).status_code in (400, 404)
    assert person("lena").is_here


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"[" * 100_000, b'{"schemas": []}', b"\xff", json.dumps({"userName": "\0"}).encode()],
)
def test_malformed_body_gets_clear_answer(body: bytes) -> None:
    key = created("lena")
    for method, path in (("POST", "Users"), ("PUT", f"Users/{key}"), ("PATCH", f"Users/{key}")):
        answer = send(method, path, body)
        assert answer.status_code == 400
        assert answer.json()["detail"]
    assert DirectoryEntry.objects.count() == 1


def test_long_body_is_refused() -> None:
    assert send("POST", "Users", user("lena", title="x" * 1024 * 1024)).status_code == 413


@pytest.mark.rule("S1")
def test_user_with_address_of_person_here_is_refused(northwind: Northwind) -> None:
    answer = send("POST", "Users", user("rita", emails=[{"value": northwind.rita.email.upper()}]))
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert "it is not linked to Northwind" in answer.json()["detail"]
    assert not DirectoryEntry.objects.exists()


def test_name_and_key_are_taken_once() -> None:
    created("lena")
    for more in (
        {"userName": "LENA@northwind.example", "externalId": "another"},
        {"userName": "x", "externalId": "key-of-lena"},
    ):
        answer = send("POST", "Users", user("other", **more))
        assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert Person.objects.filter(source="northwind").count() == 1


@pytest.mark.rule("S9")
def test_directory_does_not_remove_the_last_two_admins(northwind: Northwind) -> None:
    key = created("lena")
    give_role(person("lena"), Role.ADMIN, admins=(northwind.ines, northwind.karl))
    for admin in (northwind.ines, northwind.karl):
        Person.objects.filter(pk=admin.pk).update(left_at=NOW, is_active=False)
    give_role_free = client_of(person("lena"))
    answer = patch(key, {"op": "replace", "path": "active", "value": False})
    assert (answer.status_code, "Appoint another admin first." in answer.json()["detail"]) == (409, True)
    assert person("lena").is_here
    assert give_role_free.get(reverse("me")).status_code in (200, 302)
    assert send("GET", f"Users/{key}").json()["active"] is True


def test_people_who_just_came_may_go_at_once() -> None:
    keys = [created(f"p{number}") for number in range(transitions.AT_LEAST + 1)]
    assert {send("DELETE", f"Users/{key}").status_code for key in keys} == {204}


@pytest.mark.rule("R8")
def test_source_that_reports_too_many_leavers_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [created(f"p{number}") for number in range(transitions.AT_LEAST + 1)]
    Person.objects.update(created_at=current_time.real() - timedelta(hours=2))
    answers = [patch(key, {"op": "replace", "path": "active", "value": False}) for key in keys]
    assert [answer.status_code for answer in answers] == [204] * transitions.AT_LEAST + [429]
    assert answers[-1].headers["Retry-After"] == "3600"
    assert Person.objects.filter(source="northwind", left_at__isnull=True).count() == 1
    monkeypatch.setattr(current_time, "now", lambda: NOW + timedelta(minutes=61))
    assert patch(keys[-1], {"op": "replace", "path": "active", "value": False}).status_code == 204


@pytest.mark.rule("S1")
@pytest.mark.parametrize(
    "emails", [[], [{"value": "rita.novak@northwind.example\u200b"}], [{"value": "a@x\r\nBcc: b@x"}], [{"value": "x"}]]
)
def test_user_without_usable_address_is_nobody_yet(emails: list[dict[str, str]]) -> None:
    key = created("lena", emails=emails)
    assert not Person.objects.filter(source="northwind").exists()
    patch(key, {"op": "add", "path": "emails", "value": [{"value": " lena@northwind.example", "type": "work"}]})
    if not emails:
        assert person("lena").email == "lena@northwind.example"


def test_user_without_key_is_nobody_yet() -> None:
    key = created("lena", externalId=None)
    assert not Person.objects.filter(source="northwind").exists()
    assert patch(key, {"op": "add", "path": "externalId", "value": "key-of-lena"}).status_code == 204
    assert person("lena").is_here


@pytest.mark.rule("S1")
def test_key_of_user_stays(northwind: Northwind) -> None:
    key = created("lena")
    assert patch(key, {"op": "remove", "path": "externalId"}).status_code == 204
    answer = patch(key, {"op": "replace", "path": "externalId", "value": "other"})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "mutability")
    assert patch(key, {"op": "replace", "path": "active", "value": False}).status_code == 204
    assert not person("lena").is_here, "the person is still found by the first key"
    assert send("POST", "Users", user("x", externalId="k" * 256)).status_code == 400


def test_address_of_another_domain_is_not_taken(settings: Any) -> None:
    settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]["settings"]["domains"] = ["northwind.example"]
    key = created("lena")
    change = {"op": "replace", "path": "emails", "value": [{"value": "lena@evil.example", "primary": True}]}
    assert patch(key, change).status_code == 204
    assert person("lena").email == "lena@northwind.example"


@pytest.mark.rule("R8", "S8")
def test_only_an_explicit_return_brings_a_leaver_back(northwind: Northwind) -> None:
    key = created("lena")
    patch(key, {"op": "replace", "path": "active", "value": False})
    about = user("lena")
    del about["active"]
    assert send("PUT", f"Users/{key}", about).status_code == 200
    for change in ({"op": "remove", "path": "active"}, {"op": "add", "path": "title", "value": "Buyer"}):
        assert patch(key, change).status_code == 204
    assert not person("lena").is_here


@pytest.mark.rule("R8", "S8")
def test_directory_brings_nobody_back_whom_an_admin_recorded_as_left(northwind: Northwind) -> None:
    key = created("lena")
    record_leaver(person("lena"), actor=as_actor(northwind.ines), now=NOW, reason="A new job")
    assert patch(key, {"op": "add", "path": "title", "value": "Buyer"}).status_code == 204
    assert patch(key, {"op": "replace", "path": "active", "value": False}).status_code == 204
    answer = patch(key, {"op": "replace", "path": "active", "value": True})
    assert (answer.status_code, "An admin recorded that Lena left." in answer.json()["detail"]) == (409, True)
    assert not person("lena").is_here


@pytest.mark.rule("S8")
def test_database_brings_nobody_back_with_role(northwind: Northwind) -> None:
    Person.objects.filter(pk=northwind.sana.pk).update(left_at=NOW)
    with pytest.raises(IntegrityError, match="comes back without roles"), transaction.atomic():
        Person.objects.filter(pk=northwind.sana.pk).update(left_at=None)
    with pytest.raises(IntegrityError, match="a role ends by a proposal"), transaction.atomic():
        northwind.sana.role_assignments.update(until=NOW - timedelta(days=1))


def test_return_revives_no_session() -> None:
    key = created("lena")
    browser = client_of(person("lena"))
    for active in (False, True):
        patch(key, {"op": "replace", "path": "active", "value": active})
    assert person("lena").is_here
    assert browser.get(reverse("me")).status_code == 302


@pytest.mark.rule("R8")
def test_return_does_not_restart_the_count_of_leavers() -> None:
    keys = [created(f"p{number}") for number in range(transitions.AT_LEAST + 1)]
    Person.objects.update(created_at=current_time.real() - timedelta(hours=2))
    answers = []
    for key in keys:
        for active in (False, True):
            answers.append(patch(key, {"op": "replace", "path": "active", "value": active}).status_code)
    assert answers[-2:] == [429, 204]
    assert person(f"p{transitions.AT_LEAST}").is_here


def test_person_of_single_sign_on_leaves_by_an_inactive_entry() -> None:
    account = Account("northwind", "key-of-lena", "Lena", "lena@northwind.example")
    new = Person(source=account.source, subject=account.subject, name=account.name, email=account.email)
    accounts.admit(new, actor=Actor.of_job("sign_in"), now=NOW, provider="Northwind")
    created("lena", active=False)
    assert not person("lena").is_here


def test_ended_link_takes_the_person_from_the_entry(northwind: Northwind) -> None:
    rita, actor = northwind.rita, as_actor(northwind.rita)
    account = Account("northwind", "key-of-rita")
    link = accounts.link_account(rita, actor=actor, now=NOW, account=account, provider="Northwind")
    key = created("rita", emails=[{"value": rita.email}])
    assert DirectoryEntry.objects.get(pk=key).person == rita
    accounts.unlink_account(link, actor=actor, now=NOW)
    assert patch(key, {"op": "replace", "path": "active", "value": False}).status_code == 204
    rita.refresh_from_db()
    assert rita.is_here


def test_change_of_a_version_that_is_gone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    key, store = created("lena"), storage._store

    def meanwhile(row: DirectoryEntry) -> None:
        DirectoryEntry.objects.filter(pk=row.pk).update(version=F("version") + 1)
        store(row)

    monkeypatch.setattr(storage, "_store", meanwhile)
    for change in ({"op": "add", "path": "title", "value": "B"}, {"op": "replace", "path": "active", "value": False}):
        assert patch(key, change).status_code == 412
    assert person("lena").is_here


@pytest.mark.rule("H6")
def test_erasure_takes_the_name_out_of_groups_and_of_managed_people(northwind: Northwind) -> None:
    key = created("lena")
    member = {"value": key, "display": "Lena Fischer"}
    other = {"value": "1", "display": "Omar Haddad"}
    send("POST", "Groups", {"schemas": [GROUP], "displayName": "Security", "members": [member, other]})
    manager = {"value": key, "displayName": "Lena Fischer"}
    created("tom", **{"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": manager}})
    patch(key, {"op": "replace", "path": "active", "value": False})
    lena = person("lena")
    ask_erasure(lena, actor=as_actor(northwind.ines), now=NOW, named=lena.name, reason="They want it.")
    erase(Erasure.objects.get(), actor=as_actor(northwind.karl), now=NOW, named=lena.name)
    documents = json.dumps(list(DirectoryEntry.objects.values_list("document", flat=True)))
    assert "Lena" not in documents
    assert "Omar Haddad" in documents
    assert DirectoryEntry.objects.count() == 2


@pytest.mark.parametrize(
    "query",
    [
        {"filter": 'userName eq "\\u0000"'},
        {"filter": 'externalId eq "\\ud800"'},
        {"startIndex": "99999999999999999999"},
        {"filter": "x" * 5000},
    ],
)
def test_odd_search_gets_clear_answer(query: dict[str, str]) -> None:
    created("lena")
    answer = Client().get("/scim/v2/northwind/Users", query, headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code in (200, 400)
    assert answer["Content-Type"] == "application/scim+json"


@pytest.mark.parametrize("key", ["-" * 36, "a" * 36, "a" * 32, "x"])
def test_unknown_id_is_not_found(key: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert send(method, f"Users/{key}", user("lena")).status_code in (400, 404)


# --- done -----------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("H1", "H6")
def test_active_user_becomes_person_without_role() -> None:
    created("lena", title="Buyer", password="not for us")
    lena = person("lena")
    assert (lena.name, lena.email, lena.title) == ("Lena", "lena@northwind.example", "Buyer")
    assert not lena.has_usable_password()
    assert not lena.role_assignments.exists()
    event = LedgerEvent.objects.get(verb="person.added", subject_id=str(lena.pk))
    assert (event.actor_id, event.payload) == ("provisioning:northwind", {"source": "northwind"})
    assert "not for us" not in json.dumps(DirectoryEntry.objects.get().document)


def test_inactive_user_becomes_person_once_active() -> None:
    key = created("lena", active=False)
    assert not Person.objects.filter(source="northwind").exists()
    assert patch(key, {"op": "Replace", "path": "active", "value": "True"}).status_code == 204
    assert person("lena").is_here


def test_directory_asks_first_whether_user_is_there() -> None:
    created("lena")
    for query in (
        'userName eq "lena@northwind.example"',
        'externalId eq "key-of-lena"',
        'userName eq "LENA@northwind.example"',
    ):
        answer = Client().get(
            "/scim/v2/northwind/Users", {"filter": query}, headers={"authorization": f"Bearer {TOKEN}"}
        )
        assert answer.json()["totalResults"] == 1, query
    empty = Client().get(
        "/scim/v2/northwind/Users", {"filter": 'userName eq "sana"'}, headers={"authorization": f"Bearer {TOKEN}"}
    )
    assert (empty.status_code, empty.json()["totalResults"]) == (200, 0)


ENTRA: list[tuple[list[dict[str, Any]], tuple[str, str, str]]] = [
    ([{"op": "Replace", "path": "displayName", "value": "Lena S."}], ("Lena S.", "lena@northwind.example", "")),
    ([{"op": "Add", "path": "title", "value": "Buyer"}], ("Lena", "lena@northwind.example", "Buyer")),
    (
        [{"op": "Replace", "path": 'emails[type eq "work"].value', "value": "l@northwind.example"}],
        ("Lena", "l@northwind.example", ""),
    ),
    (
        [{"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "1"}],
        ("Lena", "lena@northwind.example", ""),
    ),
    (
        [{"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "boss"}],
        ("Lena", "lena@northwind.example", ""),
    ),
    (
        [{"op": "Replace", "value": {"displayName": "Lena S.", 'emails[type eq "work"].value': "l@northwind.example"}}],
        ("Lena S.", "l@northwind.example", ""),
    ),
    ([{"op": "replace", "value": {"id": "x", "title": "Buyer"}}], ("Lena", "lena@northwind.example", "Buyer")),
]


@pytest.mark.parametrize(("operations", "facts"), ENTRA)
def test_patches_of_entra_and_okta_are_understood(
    operations: list[dict[str, Any]], facts: tuple[str, str, str]
) -> None:
    key = created("lena")
    answer = patch(key, *operations)
    assert answer.status_code == 204, answer.content
    lena = person("lena")
    assert (lena.name, lena.email, lena.title) == facts
    assert patch(key, *operations).status_code == 204, "a second time changes nothing more"


@pytest.mark.rule("R8", "A11", "S5")
@pytest.mark.parametrize("value", [False, "False"])
def test_leaver_is_out_at_once(northwind: Northwind, value: Any) -> None:
    key = created("lena")
    lena = person("lena")
    give_role(lena, Role.SECURITY_REVIEWER, admins=(northwind.ines, northwind.karl))
    secret = token_transitions.new_secret()
    token_transitions.make_token(lena, actor=as_actor(lena), now=NOW, name="Nightly", secret=secret, days=30)
    later = {"from_at": NOW + timedelta(days=1), "until_at": NOW + timedelta(days=5)}
    given = delegate(lena, actor=as_actor(northwind.sana), now=NOW, giver=northwind.sana, **later)
    browser = client_of(lena)
    assert browser.get(reverse("me")).status_code == 200
    assert patch(key, {"op": "Replace", "path": "active", "value": value}).status_code == 204
    assert browser.get(reverse("me")).status_code == 302
    assert token_transitions.recognise(secret) is None
    assert ApiToken.objects.get(person=lena).is_over
    assert lena not in Person.objects.with_role(Role.SECURITY_REVIEWER, NOW)
    assert given not in type(given).objects.running(NOW + timedelta(days=2))
    event = LedgerEvent.objects.get(verb="person.left", subject_id=str(lena.pk))
    assert event.actor_id == "provisioning:northwind"


@pytest.mark.rule("S8")
def test_person_who_comes_back_is_the_same_without_roles(northwind: Northwind) -> None:
    key = created("lena")
    give_role(person("lena"), Role.SECURITY_REVIEWER, admins=(northwind.ines, northwind.karl))
    patch(key, {"op": "replace", "path": "active", "value": False})
    assert patch(key, {"op": "replace", "path": "active", "value": True}).status_code == 204
    lena = person("lena")
    assert lena.is_here
    assert not lena.role_assignments.filter(until__isnull=True).exists()
    assert lena not in Person.objects.with_role(Role.SECURITY_REVIEWER, NOW)
    assert LedgerEvent.objects.filter(verb="role.ended", outcome="done").count() == 1
    assert LedgerEvent.objects.filter(verb="person.returned", subject_id=str(lena.pk)).count() == 1


def test_deleted_user_has_left() -> None:
    key = created("lena")
    assert send("DELETE", f"Users/{key}").status_code == 204
    assert not person("lena").is_here
    assert not DirectoryEntry.objects.exists()
    assert send("DELETE", f"Users/{key}").status_code == 404


def test_new_user_with_name_of_another_is_another_person() -> None:
    key = created("lena")
    patch(key, {"op": "replace", "path": "userName", "value": "lena.sommer@northwind.example"})
    again = created("lena", externalId="another", emails=[{"value": "lena2@northwind.example"}])
    rows = DirectoryEntry.objects.in_bulk([key, again])
    assert len({row.person_id for row in rows.values()}) == 2


def test_groups_of_entra_gain_and_lose_members() -> None:
    keys = [created("lena"), created("sana")]
    group = send("POST", "Groups", {"schemas": [GROUP], "displayName": "Security", "externalId": "g1"}).json()["id"]
    assert (
        patch(
            group, {"op": "Add", "path": "members", "value": [{"value": key} for key in keys]}, kind="Groups"
        ).status_code
        == 204
    )
    assert (
        patch(group, {"op": "Remove", "path": "members", "value": [{"value": keys[0]}]}, kind="Groups").status_code
        == 204
    )
    members = send("GET", f"Groups/{group}").json()["members"]
    assert [member["value"] for member in members] == [keys[1]]
    both = (
        {"op": verb, "path": "members", "value": [{"value": key}]}
        for verb, key in (("add", "x"), ("remove", keys[1]), ("add", "y"))
    )
    assert patch(group, *both, kind="Groups").status_code == 204
    members = send("GET", f"Groups/{group}").json()["members"]
    assert [member["value"] for member in members] == ["x", "y"]
    for key in ("x", "y"):
        patch(group, {"op": "remove", "path": "members", "value": [{"value": key}]}, kind="Groups")
    assert "members" not in send("GET", f"Groups/{group}").json()


def test_change_of_another_version_is_refused() -> None:
    key = created("lena")
    version = send("GET", f"Users/{key}").headers["ETag"]
    patch(key, {"op": "replace", "path": "title", "value": "Buyer"})
    answer = send("PUT", f"Users/{key}", user("lena"), **{"if-match": version})
    assert answer.status_code == 412
