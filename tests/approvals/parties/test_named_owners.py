"""Who can be named an owner: somebody of the automation's side, and nobody who is asked while a submission is open (I1, S1, A9).

Naming a person makes them a party. If anybody could be named, the builder would choose who decides.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Submission
from approvals.submissions.transitions import withdraw
from governance.core.duties.refusals import DutyConflict, InvalidInput, Refused
from governance.core.models import LedgerEvent, Notice, Person
from inventory.imports import manual_description
from inventory.imports.transitions import confirmation
from inventory.models import Automation, InterimOwner, Resource, Version
from inventory.ownership import rules as ownership_rules
from inventory.ownership import transitions as ownership_transitions
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.manual_descriptions import registered
from tests.people import as_actor, joins
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

FIELDS = ("business_owner", "technical_owner")


def named(c: Company, automation: Automation, **owners: Person | None) -> None:
    """Rita names owners."""
    confirmation.amend_automation(automation, actor=as_actor(c.people.rita), now=c.now, fields=owners)


def amending(c: Company, automation: Automation, **posted: Any) -> Any:
    """Rita posts the form, whatever it offers."""
    fields = {"name": automation.name, "purpose": automation.purpose, "kind": automation.kind}
    fields |= {"business_owner": c.people.jonas.pk, "technical_owner": c.people.rita.pk, **posted}
    return client_of(c.people.rita).post(reverse("automation_amend", args=[automation.pk]), fields)


def offered(c: Company, automation: Automation) -> str:
    """What Rita can choose from."""
    page = client_of(c.people.rita).get(reverse("automation_amend", args=[automation.pk])).content.decode()
    return str(page.partition('id="id_business_owner"')[2].partition("</select>")[0])


def refused_on_record(code: str, verb: str = "automation.amended") -> bool:
    """Whether the last that is on record is a refusal with this code."""
    event = LedgerEvent.objects.latest("pk")
    return (event.verb, event.outcome, event.code) == (verb, "refused", code)


# --- of another side ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("I1", "S1", "A9")
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("who", ["omar", "mei", "tom", "sana"])
def test_foreign_person_is_not_named_owner(company: Company, field: str, who: str) -> None:
    automation = stock_report.version(company).automation
    before = Automation.objects.values().get(pk=automation.pk)
    with pytest.raises(InvalidInput) as caught:
        named(company, automation, **{field: getattr(company.people, who)})
    assert caught.value.refusal.detail[0][0] == field
    assert refused_on_record("I1")
    assert Automation.objects.values().get(pk=automation.pk) == before


@pytest.mark.rule("I1", "S1", "A9")
@pytest.mark.parametrize("field", FIELDS)
def test_foreign_owner_in_file_or_description_is_refused(company: Company, field: str) -> None:
    c, n = company, company.people
    fields = {"business_owner": n.jonas, "technical_owner": n.rita, "purpose": "Counts.", field: n.omar}
    with pytest.raises(InvalidInput, match=r"^I1: Omar Haddad belongs neither to Finance Operations"):
        stock_report.version(c, **fields)
    assert refused_on_record("I1", "version.imported")
    manifest = manual_description.describe_manually(name="Stock", kind="script", platform="cron", privileges=[])
    with pytest.raises(InvalidInput, match=r"^I1: Omar Haddad belongs neither to Finance Operations"):
        registered(n.finance_ops, actor=as_actor(n.rita), now=c.now, manifest=manifest, fields=fields)
    assert not Version.objects.exists()


@pytest.mark.rule("I1", "H1")
def test_a_hand_made_form_is_refused_by_the_same_rule_with_everything_typed_still_there(company: Company) -> None:
    automation = stock_report.version(company).automation
    answer = amending(company, automation, technical_owner=company.people.omar.pk, purpose="In other words.")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Omar Haddad belongs neither to Finance Operations nor" in page
    assert "In other words." in page
    assert refused_on_record("I1")


@pytest.mark.rule("I1")
def test_people_of_the_team_and_of_teams_above_and_below_can_be_named(company: Company) -> None:
    c, n = company, company.people
    automation = stock_report.version(c).automation
    joins(n.tom, n.operations)
    for who in (n.bram, n.tom, n.yuki):  # deputy lead; of the team above; of the company itself
        named(c, automation, technical_owner=who)
    automation.refresh_from_db()
    assert automation.technical_owner == n.yuki
    current = Version.objects.get(automation=automation).automation
    Automation.objects.filter(pk=current.pk).update(team=n.operations)
    current.refresh_from_db()
    assert n.rita in ownership_rules.possible_owners(current.team, current, c.now), "of a team below"
    assert n.omar not in ownership_rules.possible_owners(current.team, current, c.now)


@pytest.mark.rule("I1")
def test_existing_owner_may_stay(company: Company) -> None:
    c, n = company, company.people
    automation = stock_report.version(c).automation
    n.rita.memberships.all().delete()
    assert n.rita in ownership_rules.possible_owners(automation.team, automation, c.now)
    confirmation.amend_automation(
        automation,
        actor=as_actor(n.theo),
        now=c.now,
        fields={"business_owner": n.rita, "technical_owner": n.jonas, "purpose": "The other way round."},
    )
    automation.refresh_from_db()
    assert (automation.business_owner, automation.technical_owner) == (n.rita, n.jonas)


# --- who is asked --------------------------------------------------------------------------------------------------------


def people_asked(c: Company, submission: Submission) -> tuple[Person, ...]:
    """Owners of its resources, made members of the team: Omar and Amara."""
    return joins(c.people.omar, c.people.finance_ops), joins(c.people.amara, c.people.finance_ops)


@pytest.mark.rule("S1", "S3", "A9")
@pytest.mark.parametrize("field", FIELDS)
def test_approver_is_not_named_owner_while_open(company: Company, stock_submitted: Submission, field: str) -> None:
    c, n = company, company.people
    submission = stock_submitted  # stage 2 waits: nobody was asked about it so far, and Omar and Amara will be
    parties, notices = submission.parties.count(), Notice.objects.count()
    for who in (n.theo, *people_asked(c, submission)):
        with pytest.raises(DutyConflict, match=f"{who.name} is asked to decide in its open submission"):
            named(c, submission.automation, **{field: who})
        assert refused_on_record("SOD-1")
        with pytest.raises(DutyConflict, match=r"^SOD-1: "):
            stock_report.version(c, stock_report.one_more_channel, **{field: who})
        assert who.name not in offered(c, submission.automation)
    assert (submission.parties.count(), Notice.objects.count()) == (parties, notices)
    scenarios.approve(scenarios.app_of(submission), n.theo, now=c.now)
    assert n.theo.name not in offered(c, submission.automation), "nor who has decided"
    assert n.bram.name in offered(c, submission.automation)
    scenarios.approve(stock_report.privilege_on(submission, c.slack), n.omar, now=c.now)


@pytest.mark.rule("S1", "A9", "I3")
def test_interim_owner_of_requested_resource_is_not_named_owner(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people
    submission = stock_submitted
    mei = joins(n.mei, n.finance_ops)
    record_leaver(n.omar, actor=as_actor(n.ines), now=c.now, reason="A new job.")
    slack = Resource.objects.get(pk=c.slack.pk)
    made = ownership_transitions.NAME_INTERIM["resource"](slack, actor=as_actor(n.amara), now=c.now, person=mei)
    ownership_transitions.confirm_interim(InterimOwner.objects.get(pk=made.pk), actor=as_actor(n.sana), now=c.now)
    with pytest.raises(DutyConflict, match="Mei Tanaka is asked to decide in its open submission"):
        named(c, submission.automation, technical_owner=mei)


@pytest.mark.rule("S1", "A9")
def test_forged_owner_form_is_refused_by_duty(company: Company, stock_submitted: Submission) -> None:
    submission = stock_submitted
    answer = amending(company, submission.automation, technical_owner=company.people.theo.pk)
    assert answer.status_code == 403
    assert "is asked to decide in its open submission" in answer.content.decode()
    assert refused_on_record("SOD-1")


@pytest.mark.rule("S1")
def test_party_and_former_approver_can_be_named_owner(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people
    submission = stock_submitted
    confirmation.amend_automation(
        submission.automation, actor=as_actor(n.theo), now=c.now, fields={"purpose": "In other words."}
    )
    named(c, submission.automation, technical_owner=n.theo)  # an editor decides nothing as it is
    assert submission.parties.filter(person=n.theo, capacity="technical_owner").exists()
    omar, _ = people_asked(c, submission)
    with pytest.raises(Refused, match=r"^SOD-1: Omar Haddad is asked to decide in"):
        named(c, submission.automation, technical_owner=omar)
    withdraw.withdraw(submission, actor=as_actor(n.rita), now=c.now, reason="Later.")
    named(c, submission.automation, technical_owner=omar)
