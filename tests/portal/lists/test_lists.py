"""Lists: previewed, then applied by the person's own rights, once and again (P1, S8, R9)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import Proposal
from governance.core.clock import current_time
from governance.core.models import LedgerEvent, Membership, Notice, Person, RoleAssignment, Team
from governance.portal.lists import uploads
from governance.portal.models import ListRow, ListUpload, RowOutcome, UploadState
from inventory.models import Entitlement, Resource
from tests.people import NOW, Northwind, as_actor
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

PEOPLE = """email,name,title,teams,roles
ada@northwind.test,Ada Byron,Engineer,Data; Marketing,builder
ben@northwind.test,Ben Okri,Analyst,Data,Security reviewer
"""
TEAMS = "team,under,lead,deputy_lead\nData,Northwind,ada@northwind.test,ben@northwind.test\n"
RESOURCES = """resource,kind,team,owner,deputy,data_class,about
Lake,Data store,Data,ada@northwind.test,ben@northwind.test,confidential,Raw events
"""
ENTITLEMENTS = "resource,code,words,level,outbound\nLake,read,Read tables,read,no\nLake,write,Write tables,write,yes\n"
ALL = {"people": PEOPLE, "teams": TEAMS, "resources": RESOURCES, "entitlements": ENTITLEMENTS}


def prepare(by: Person, **texts: str) -> ListUpload:
    """A preview of some lists."""
    files = [(f"{name}.csv", text.encode()) for name, text in texts.items()]
    return uploads.preview(files, actor=as_actor(by), now=NOW)


def run(upload: ListUpload) -> None:
    """Apply an upload to its end."""
    assert uploads.apply(upload)
    while uploads.sweep(NOW).get("left"):
        pass
    upload.refresh_from_db()


def words(upload: ListUpload) -> list[tuple[str, str]]:
    """Outcome and words of each row."""
    return list(upload.rows.values_list("outcome", "words"))


def test_preview_says_what_each_row_would_change_and_changes_nothing(northwind: Northwind) -> None:
    before = (Person.objects.count(), Team.objects.count(), LedgerEvent.objects.count(), Notice.objects.count())
    upload = prepare(northwind.ines, **ALL)
    assert before == (
        Person.objects.count(), Team.objects.count(), LedgerEvent.objects.count(), Notice.objects.count()
    )  # fmt: skip
    assert words(upload) == [
        ("new", "added; invited by mail; member of Data; member of Marketing; role Builder: waits for a second admin"),
        ("new", "added; invited by mail; member of Data; role Security reviewer: waits for a second admin"),
        ("new", "founded; lead Ada Byron: waits for a second admin; deputy lead Ben Okri: waits for a second admin"),
        ("new", "registered: waits for Ada Byron to accept"),
        ("new", "added to Lake"),
        ("new", "added to Lake"),
    ]


def test_applied_lists_do_what_the_preview_said(northwind: Northwind) -> None:
    upload = prepare(northwind.ines, **ALL)
    preview = words(upload)
    run(upload)
    assert upload.progress == UploadState.APPLIED
    assert words(upload) == preview
    ada, ben = (Person.objects.get(email=f"{name}@northwind.test") for name in ("ada", "ben"))
    assert Notice.objects.filter(event="invitation", recipient__in=(ada, ben)).count() == 2
    assert set(Membership.objects.filter(person=ada).values_list("team__name", flat=True)) == {"Data", "Marketing"}
    lake, data = Resource.objects.get(name="Lake"), Team.objects.get(name="Data")
    assert (lake.named_owner, lake.named_deputy, lake.named_by, lake.team) == (ada, ben, northwind.ines, data)
    assert list(Entitlement.objects.filter(resource=lake).order_by("code").values_list("code", "outbound")) == [
        ("read", False),
        ("write", True),
    ]
    proposed = Proposal.objects.filter(
        target__regex=f"^({ada.pk}|{ben.pk}|{data.pk})-", proposed_by=northwind.ines
    ).order_by("pk")
    assert [(row.kind, row.target, row.appointed) for row in proposed] == [
        ("role", f"{ada.pk}-builder", ada),
        ("role", f"{ben.pk}-security_reviewer", ben),
        ("team_lead", f"{data.pk}-lead", ada),
        ("team_lead", f"{data.pk}-deputy_lead", ben),
    ]
    assert (data.lead, data.deputy_lead, data.parent) == (None, None, northwind.company)
    assert not RoleAssignment.objects.filter(person__in=(ada, ben)).exists()


def test_the_same_lists_change_nothing_again(northwind: Northwind) -> None:
    run(prepare(northwind.ines, **ALL))
    events = LedgerEvent.objects.count()
    again = prepare(northwind.karl, **ALL)
    assert set(words(again)) == {("same", "")}
    run(again)
    assert LedgerEvent.objects.count() == events


def test_killed_run_goes_on_where_it_was(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = prepare(northwind.ines, **ALL)
    preview = words(upload)
    saved: list[int] = []

    def killed(row: ListRow, phase: int) -> None:
        saved.append(row.pk)
        raise KeyboardInterrupt

    uploads.apply(upload)
    monkeypatch.setattr(uploads, "_record", killed)
    for _ in range(3):  # the row is applied, and the note about it is lost
        with pytest.raises(KeyboardInterrupt):
            uploads.sweep(NOW)
    monkeypatch.undo()
    while uploads.sweep(NOW).get("left"):
        pass
    assert len(saved) == 3
    assert words(upload) == preview
    added = LedgerEvent.objects.filter(verb__in=("person.added", "team.founded", "resource.registered"))
    assert sorted(added.filter(at=NOW).values_list("verb", flat=True)) == [
        "person.added",
        "person.added",
        "resource.registered",
        "team.founded",
    ]


REFUSED = {
    "nobody": ("teams", "team,lead\nData,nobody@x.test\n", "Nobody has the address nobody@x.test."),
    "no team": ("people", "email,name,teams\na@x.test,A,Nowhere\n", "No team is called Nowhere."),
    "role": ("people", "email,name,roles\na@x.test,A,king\n", "roles: “king” is none of builder,"),
    "address": ("people", "email,name\nnot an address,A\n", "email: Enter a valid email address."),
    "self": ("people", "email,name,teams\n{ines},Ines Moreau,Marketing\n", "You can't do this for yourself"),
    "own role": ("people", "email,name,roles\n{ines},Ines Moreau,auditor\n", "You would gain by this yourself"),
    "team kind": ("teams", "team,kind\nMarketing,security\n", "Marketing is here already, with another kind"),
    "kind": ("teams", "team,kind\nData,circus\n", "kind: “circus” is none of business,"),
    "two seats": ("teams", "team,lead,deputy_lead\nData,{rita},{rita}\n", "Lead and deputy lead are two people."),
    "no resource": ("entitlements", "resource,code,words,level\nLake,r,Read,read\n", "No resource is called Lake."),
    "one owner": (
        "resources",
        "resource,kind,team,owner,deputy,data_class\nLake,API,Marketing,{rita},{rita},public\n",
        "kind: “API” is none of",
    ),
    "owner": (
        "resources",
        "resource,kind,team,owner,deputy,data_class\nLake,Backend API,Marketing,{rita},{rita},public\n",
        "Owner and backup approver are two people.",
    ),
    "own": (
        "resources",
        "resource,kind,team,owner,deputy,data_class\nLake,Backend API,Marketing,{ines},{rita},public\n",
        "You can't do this for yourself",
    ),
}


@pytest.mark.parametrize(("kind", "text", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused_row_says_why_and_is_left_out(northwind: Northwind, kind: str, text: str, sentence: str) -> None:
    text = text.replace("{ines}", northwind.ines.email).replace("{rita}", northwind.rita.email)
    upload, events = prepare(northwind.ines, **{kind: text}), LedgerEvent.objects.count()
    ((outcome, why),) = words(upload)
    assert outcome == RowOutcome.REFUSED
    assert why.startswith(sentence)
    run(upload)
    assert words(upload) == [(outcome, why)]
    assert LedgerEvent.objects.count() == events


def test_leaver_is_named_and_not_placed(northwind: Northwind) -> None:
    Person.objects.filter(pk=northwind.tom.pk).update(is_active=False)
    upload = prepare(northwind.ines, people=f"email,name\n{northwind.tom.email},Tom Ashby\n")
    assert words(upload) == [("refused", "Tom Ashby has left.")]


def test_people_come_by_sign_in_where_passwords_are_off(northwind: Northwind, settings: object) -> None:
    settings.PASSWORD_SIGN_IN = False  # type: ignore[attr-defined]
    ((outcome, why),) = words(prepare(northwind.ines, people="email,name\na@x.test,A\n"))
    assert (outcome, why.partition(".")[0]) == (
        "refused",
        "Passwords are off, so people come by single sign-on or from the directory",
    )


def test_job_applies_by_the_rights_of_that_moment(northwind: Northwind) -> None:
    upload = prepare(northwind.ines, teams="team\nData\n")
    Person.objects.filter(pk=northwind.ines.pk).update(is_active=False)
    run(upload)
    ((outcome, why),) = words(upload)
    assert (outcome, Team.objects.filter(name="Data").exists()) == ("refused", False)
    assert why.startswith("You don’t have access to this. It takes somebody who may change teams")
    assert LedgerEvent.objects.filter(verb="team.founded").exclude(code="").count() == 1


def test_changed_resource_follows_the_list_while_it_is_proposed(northwind: Northwind) -> None:
    run(prepare(northwind.ines, **ALL))
    changed = RESOURCES.replace("confidential", "restricted").replace("Raw events", "All events")
    changed = changed.replace("ben@northwind.test", northwind.rita.email)
    upload = prepare(northwind.karl, resources=changed)
    assert words(upload) == [("changed", "changed: data class, about; named: waits for Ada Byron to accept")]
    run(upload)
    lake = Resource.objects.get(name="Lake")
    assert (lake.data_class, lake.about, lake.named_deputy) == ("restricted", "All events", northwind.rita)


@pytest.mark.rule("A6")
def test_old_preview_changes_no_register_that_moved_on(northwind: Northwind) -> None:
    run(prepare(northwind.ines, people=PEOPLE, teams=TEAMS))
    old = prepare(northwind.ines, resources=RESOURCES)
    run(prepare(northwind.karl, resources=RESOURCES.replace("confidential", "restricted").replace("Raw", "Other")))
    run(old)
    assert words(old) == [("refused", uploads.STALE)]
    lake = Resource.objects.get(name="Lake")
    assert (lake.data_class, lake.about, lake.named_by) == ("restricted", "Other events", northwind.karl)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("people", "email,name\nnew@x.test,N\nNEW@x.test,N\n"),
        ("teams", "team\nData\ndata\n"),
        ("resources", RESOURCES + RESOURCES.splitlines()[1].replace("Lake", "LAKE") + "\n"),
    ],
    ids=["people", "teams", "resources"],
)
def test_second_row_about_one_subject_is_refused_in_the_preview(northwind: Northwind, kind: str, text: str) -> None:
    upload = prepare(northwind.ines, **{kind: text})
    assert words(upload)[1] == ("refused", f"{kind}.csv, line 2, is about the same. Keep one of the two rows.")


@pytest.mark.parametrize(
    "names",
    [("ΟΔΟΣ", "ΟΔΟΣ"), ("İstanbul", "İstanbul"), ("Da\u200bta", "Data"), ("Cafe\u0301", "Caf\u00e9"), ("A  B", "a b")],
    ids=ascii,
)
def test_two_spellings_of_a_name_make_one_team(northwind: Northwind, names: tuple[str, str]) -> None:
    there = Team.objects.count()
    for name in (names[0], names[0], names[1]):
        run(prepare(northwind.ines, teams=f"team\n{name}\n"))
    assert Team.objects.count() == there + 1


def test_name_with_a_semicolon_is_one_resource_and_no_team(northwind: Northwind) -> None:
    run(prepare(northwind.ines, people=PEOPLE, teams=TEAMS))
    for _ in range(2):
        run(prepare(northwind.ines, resources=RESOURCES.replace("Lake", "CRM; EU")))
    assert Resource.objects.filter(name="CRM; EU").count() == 1
    ((outcome, why),) = words(prepare(northwind.ines, teams="team\nLegal; Risk\n"))
    assert (outcome, why.partition(":")[0]) == ("refused", "team")


def test_codes_differ_by_case(northwind: Northwind) -> None:
    upload = prepare(northwind.ines, **{**ALL, "entitlements": ENTITLEMENTS.replace("Lake,write", "Lake,Read")})
    assert words(upload)[-2:] == [("new", "added to Lake")] * 2


def test_name_that_stands_twice_in_a_cell_counts_once(northwind: Northwind) -> None:
    list_of_one = "email,name,teams,roles\nnew@x.test,N,Marketing;marketing,builder;Builder\n"
    assert words(prepare(northwind.ines, people=list_of_one)) == [
        ("new", "added; invited by mail; member of Marketing; role Builder: waits for a second admin")
    ]


def test_half_done_row_says_what_was_done(northwind: Northwind) -> None:
    upload = prepare(northwind.ines, people="email,name,teams\nnew@x.test,N,Marketing; Security\n")
    Team.objects.filter(pk=northwind.security.pk).update(name="Safety")
    run(upload)
    ((outcome, why),) = words(upload)
    assert outcome == "refused"
    assert why.startswith("No team is called Security.")
    assert why.endswith("Done before: added.")


@pytest.mark.rule("S8")
def test_other_lead_than_the_one_under_way_is_refused(northwind: Northwind) -> None:
    run(prepare(northwind.ines, people=PEOPLE, teams=TEAMS))
    ((outcome, why),) = words(
        prepare(northwind.ines, teams=TEAMS.replace("ada@", "ben@", 1).replace(",ben@northwind.test\n", ",\n"))
    )
    assert (outcome, why) == (
        "refused",
        "lead Ben Okri: another change of this waits for its answers. Answer or withdraw that first.",
    )


def test_entitlement_with_another_level_is_not_called_unchanged(northwind: Northwind) -> None:
    run(prepare(northwind.ines, **ALL))
    upload = prepare(northwind.ines, entitlements=ENTITLEMENTS.replace("Read tables,read", "Read tables,admin"))
    assert words(upload) == [
        ("refused", "read is on Lake already, with level read. Change it on its page."),
        ("same", ""),
    ]


# --- pages --------------------------------------------------------------------------------------------------------


def post(client: Client, **texts: str) -> object:
    """Upload lists by the page."""
    files = [SimpleUploadedFile(f"{name}.csv", text.encode()) for name, text in texts.items()]
    return client.post(reverse("lists"), {"files": files})


@pytest.mark.parametrize("who", ["rita", "sana", "yuki"])
def test_only_admins_prepare_lists(northwind: Northwind, who: str) -> None:
    client, upload = client_of(getattr(northwind, who)), prepare(northwind.ines, teams=TEAMS.partition("\n")[0])
    for url in (
        reverse("lists"),
        reverse("list_template", args=["people"]),
        reverse("list_upload", args=[upload.pk]),
        reverse("list_report", args=[upload.pk]),
    ):
        assert client.get(url).status_code == 403
    assert client.post(reverse("list_upload", args=[upload.pk]), {"do": "apply"}).status_code == 403
    upload.refresh_from_db()
    assert upload.progress == UploadState.PREVIEW


def test_upload_of_another_admin_is_not_there(northwind: Northwind) -> None:
    upload = prepare(northwind.ines, people=PEOPLE)
    client = client_of(northwind.karl)
    assert client.get(upload.href).status_code == 404
    assert client.post(upload.href, {"do": "apply"}).status_code == 404


def test_page_previews_applies_and_reports(northwind: Northwind) -> None:
    client = client_of(northwind.ines)
    answer = post(client, people=PEOPLE, teams=TEAMS)
    upload = ListUpload.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, upload.href)  # type: ignore[attr-defined, index]
    shown = client.get(upload.href).content.decode()
    assert "Apply 3 rows" in shown
    assert "member of Marketing" in shown
    client.post(upload.href, {"do": "apply"})
    client.post(upload.href, {"do": "apply"})  # a second press changes nothing
    assert "0 of 3" in client.get(upload.href).content.decode()
    client.post(upload.href, {"do": "discard"})  # what is being applied is not discarded
    while uploads.sweep(current_time.now()).get("left"):
        pass
    assert "3 rows applied" in client.get(upload.href).content.decode()
    report = client.get(reverse("list_report", args=[upload.pk])).content.decode().splitlines()
    assert report[0] == "List,File,Line,Row,Outcome,What"
    assert report[3].startswith("teams,teams.csv,2,Data,New,founded; lead Ada Byron")
    client.post(upload.href, {"do": "discard"})
    assert not ListUpload.objects.exists()
    assert Team.objects.filter(name="Data").exists()


def test_unreadable_list_is_named_and_nothing_is_kept(northwind: Northwind) -> None:
    client = client_of(northwind.ines)
    answer = post(client, people=PEOPLE, teams="team,colour\nData,red\n")
    assert answer.status_code == 422  # type: ignore[attr-defined]
    content = answer.content.decode()  # type: ignore[attr-defined]
    assert "teams.csv: A list of teams has no column “colour”." in content
    assert client.post(reverse("lists")).status_code == 422
    assert not ListUpload.objects.exists()


def test_row_without_its_key_is_refused_and_shown_by_its_line(northwind: Northwind) -> None:
    client = client_of(northwind.ines)
    texts = ("email,name\n,Nobody\n", "team,lead\n,a@b.test\n", "resource,code,words,level\nLake,,Read,read\n")
    for name, column, text in zip(("Row 2", "Row 2", "Lake"), ("email", "team", "code"), texts, strict=True):
        post(client, some=text)
        upload = ListUpload.objects.latest("pk")
        (row,) = upload.rows.all()
        assert (row.outcome, row.name, row.words) == (RowOutcome.REFUSED, name, f"{column}: This cell is empty.")
        for url in (upload.href, reverse("list_report", args=[upload.pk])):
            assert name in client.get(url).content.decode()


def test_old_uploads_are_deleted(northwind: Northwind) -> None:
    upload = prepare(northwind.ines, people=PEOPLE)
    assert uploads.sweep(NOW + timedelta(days=29)) == {}
    uploads.sweep(NOW + timedelta(days=31))
    assert not ListUpload.objects.filter(pk=upload.pk).exists()
    assert not ListRow.objects.exists()


def test_preview_queries_do_not_grow_with_the_rows(northwind: Northwind) -> None:
    def cost(count: int) -> int:
        people = "".join(f"p{number}@x.test,P {number},Marketing,builder\n" for number in range(count))
        with CaptureQueriesContext(connection) as queries:
            prepare(northwind.ines, people=f"email,name,teams,roles\n{people}")
        return len(queries)

    assert cost(40) == cost(4)
