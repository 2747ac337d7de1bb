"""Interim owners, when an owner has left: team lead and security reviewer name them together (I3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.mail import mail_text
from governance.core.models import LedgerEvent, Notice, Person
from governance.core.roles.roles import Relation
from inventory.imports.transitions import confirmation
from inventory.models import Automation, Credential, InterimOwner, NonHumanIdentity, Owned, Resource
from inventory.ownership import jobs as ownership_jobs
from inventory.ownership import queries as ownership_queries
from inventory.ownership import transitions as ownership_transitions
from inventory.resources.transitions import resources
from tests import scenarios
from tests.appointments import own, record_leaver
from tests.approvals import stock_report
from tests.approvals.refusals import database_refuses, sql
from tests.ledger_records import recorded
from tests.people import as_actor, as_delegate
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def left(c: Company, person: Person) -> None:
    """Somebody leaves."""
    record_leaver(person, actor=as_actor(c.people.ines), now=c.now, reason="A new job.")


def orphan(c: Company) -> Resource:
    """The Slack workspace, whose owner Omar has left. Amara leads its team, and is its deputy."""
    left(c, c.people.omar)
    return Resource.objects.get(pk=c.slack.pk)


def name(c: Company, subject: Owned, who: Person, by: Person, **more: Any) -> InterimOwner:
    """One person names."""
    made: InterimOwner = ownership_transitions.NAME_INTERIM[subject.item_kind](
        subject, actor=as_actor(by), now=c.now, person=who, **more
    )
    return InterimOwner.objects.get(pk=made.pk)


def confirm(c: Company, named: InterimOwner, by: Person) -> InterimOwner:
    """Another confirms."""
    return ownership_transitions.confirm_interim(named, actor=as_actor(by), now=c.now)


def stands_in(c: Company, subject: Owned, who: Person, *, lead: Person) -> InterimOwner:
    """Named by the team's lead, confirmed by Sana."""
    return confirm(c, name(c, subject, who, lead), c.people.sana)


# --- refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I3")
def test_interim_owner_needs_missing_owner_and_used_object(company: Company) -> None:
    n = company.people
    with pytest.raises(OutOfTurn, match="Omar Haddad is here and owns it") as error:
        name(company, company.slack, n.mei, n.amara)
    assert error.value.refusal.code == "I3"
    proposed = resources.propose_resource(
        n.finance_ops, actor=as_actor(n.rita), now=company.now, fields={"name": "CRM", "kind": "saas_connector"}
    )
    with pytest.raises(OutOfTurn, match="It is proposed"):
        name(company, Resource.objects.get(pk=proposed.pk), n.mei, n.sana)


@pytest.mark.rule("I3", "S5")
@pytest.mark.parametrize("who", ["rita", "theo", "ines", "omar"])
def test_only_lead_and_security_name_interim_owner(company: Company, who: str) -> None:
    n, slack = company.people, orphan(company)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        name(company, slack, n.mei, getattr(n, who))
    assert not InterimOwner.objects.exists()


@pytest.mark.rule("I3", "S8")
def test_nobody_names_or_confirms_themself(company: Company) -> None:
    n, slack = company.people, orphan(company)
    with pytest.raises(DutyConflict, match="can't name yourself") as error:
        name(company, slack, n.amara, n.amara)
    assert error.value.refusal.code == "SOD-8"
    named = name(company, slack, n.viktor, n.amara)
    with pytest.raises(DutyConflict, match="can't confirm yourself") as error:
        confirm(company, named, n.viktor)
    assert error.value.refusal.code == "SOD-8"
    refused = LedgerEvent.objects.get(verb="interim.confirmed", outcome="refused")
    assert (refused.code, f"inventory.resource:{slack.pk}" in refused.about) == ("SOD-8", True)
    with database_refuses("interim_named_by_two_others"):
        _insert(company, company.erp, n.viktor, n.viktor)
    with database_refuses("interim_named_by_two_others"):
        _confirm_by_sql(company, named, n.viktor)
    with database_refuses("I3: an interim owner is named first"):
        _insert(company, company.erp, n.mei, n.amara, confirmed_by=n.sana)


@pytest.mark.rule("I3", "S8", "A11")
def test_namer_and_delegate_do_not_confirm(company: Company) -> None:
    n = company.people
    delegate = as_delegate(n.sana, giver=n.viktor)  # both are security reviewers
    slack = orphan(company)
    ownership_transitions.NAME_INTERIM["resource"](slack, actor=delegate, now=company.now, person=n.mei)
    named = InterimOwner.objects.get()
    assert (named.named_by, named.named_for, named.named_as) == (n.sana, n.viktor, "security")
    for person in (n.sana, n.viktor):
        with pytest.raises(DutyConflict, match="You named Mei Tanaka") as error:
            confirm(company, named, person)
        assert error.value.refusal.code == "SOD-8"
    with database_refuses("interim_named_by_two_others"):
        sql(
            "UPDATE inventory_interimowner SET state = 'confirmed', confirmed_by_id = %s, confirmed_at = %s, until = %s",
            *(n.viktor.pk, company.now, company.now + timedelta(days=30)),
        )


@pytest.mark.rule("I3")
def test_two_security_reviewers_are_not_lead_and_reviewer_together(company: Company) -> None:
    n, slack = company.people, orphan(company)
    named = name(company, slack, n.mei, n.sana)
    with pytest.raises(DutyConflict, match="team's lead confirms") as error:
        confirm(company, named, n.viktor)
    assert error.value.refusal.code == "I3"
    assert Resource.objects.get(pk=slack.pk).is_ownerless(company.now)
    confirm(company, named, n.amara)
    assert not Resource.objects.get(pk=slack.pk).is_ownerless(company.now)


@pytest.mark.rule("I3")
def test_one_is_named_at_a_time_and_the_database_says_so_too(company: Company) -> None:
    n, slack = company.people, orphan(company)
    name(company, slack, n.mei, n.amara)
    with pytest.raises(OutOfTurn, match="Amara Okafor has named Mei Tanaka already"):
        name(company, slack, n.lena, n.sana)
    with database_refuses("interim_one_at_a_time"):
        _insert(company, slack, n.lena, n.amara)
    with database_refuses("interim_of_one_thing"):
        _insert(company, None, n.lena, n.amara)


@pytest.mark.rule("I3", "H1")
def test_confirmed_interim_owner_is_immutable(
    company: Company,
) -> None:
    n, slack = company.people, orphan(company)
    named = name(company, slack, n.mei, n.amara)
    for column in ("person_id", "named_by_id"):
        with database_refuses("I3: an interim owner and the person"):
            sql(f"UPDATE inventory_interimowner SET {column} = %s WHERE id = %s", n.lena.pk, named.pk)
    with database_refuses("I3: an interim owner is named and confirmed by two people"):
        sql("UPDATE inventory_resource SET interim_id = %s WHERE id = %s", named.pk, slack.pk)
    with database_refuses("interim_at_most_30_days"):
        _confirm_by_sql(company, named, n.sana, days=31)
    confirm(company, named, n.sana)
    with database_refuses("I3: an interim owner is named and confirmed by two people"):
        sql("UPDATE inventory_resource SET interim_id = %s WHERE id = %s", named.pk, company.erp.pk)
    with database_refuses("I3: an interim owner and the person"):
        sql("UPDATE inventory_interimowner SET until = until - interval '1 day' WHERE id = %s", named.pk)


@pytest.mark.rule("I3")
def test_leaver_is_neither_named_nor_confirmed(company: Company) -> None:
    n, slack = company.people, orphan(company)
    with pytest.raises(InvalidInput, match="not here any more"):
        name(company, slack, n.omar, n.amara)
    named = name(company, slack, n.tom, n.amara)
    left(company, n.tom)
    with pytest.raises(OutOfTurn, match="Tom Ashby is not here any more"):
        confirm(company, named, n.sana)
    again = name(company, slack, n.mei, n.sana)  # who left stands in nobody's way
    assert InterimOwner.objects.exclude(state="ended").get() == again


@pytest.mark.rule("I3", "R9")
def test_end_of_interim_term_is_announced_once(
    company: Company,
) -> None:
    n, slack = company.people, orphan(company)
    named = stands_in(company, slack, n.mei, lead=n.amara)
    before = Notice.objects.count()
    assert ownership_jobs.remind_interims(named.until - timedelta(days=8)) == 0
    assert ownership_jobs.remind_interims(named.until - timedelta(days=6)) == 3
    assert ownership_jobs.remind_interims(named.until - timedelta(days=5)) == 0
    notices = Notice.objects.filter(event="interim_ending")
    assert {notice.recipient for notice in notices} == {n.mei, n.amara, n.sana}
    letter = mail_text.write(notices.get(recipient=n.mei), None)
    assert letter.subject == (
        "Mei Tanaka answers for the resource Finance Slack workspace until 24 December: who does then?"
    )
    assert "until two people name an interim owner again" in " ".join(letter.text.split())
    assert Notice.objects.count() == before + 3
    other = Resource.objects.get(pk=company.erp.pk)  # Omar's too
    again = stands_in(company, other, n.tom, lead=n.amara)
    stock_report.hand_over(company, other, n.lena, n.piet)
    assert ownership_jobs.remind_interims(again.until - timedelta(days=1)) == 0


def _insert(c: Company, on: Resource | None, who: Person, by: Person, confirmed_by: Person | None = None) -> None:
    both = [c.now, c.now + timedelta(days=30)] if confirmed_by is not None else [None, None]
    sql(
        "INSERT INTO inventory_interimowner (resource_id, person_id, state, named_by_id, named_as, named_at,"
        " confirmed_by_id, confirmed_at, until) VALUES (%s, %s, %s, %s, 'lead', %s, %s, %s, %s)",
        *(on.pk if on else None, who.pk, "confirmed" if confirmed_by else "named", by.pk, c.now),
        *(confirmed_by.pk if confirmed_by else None, *both),
    )


def _confirm_by_sql(c: Company, named: InterimOwner, by: Person, days: int = 30) -> None:
    sql(
        "UPDATE inventory_interimowner SET state = 'confirmed', confirmed_by_id = %s, confirmed_at = %s, until = %s"
        " WHERE id = %s",
        *(by.pk, c.now, c.now + timedelta(days=days), named.pk),
    )


# --- done --------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I3")
@pytest.mark.parametrize("first", ["amara", "sana"])
def test_lead_and_security_name_interim_owner_for_thirty_days(company: Company, first: str) -> None:
    n, slack = company.people, orphan(company)
    by, other = (n.amara, n.sana) if first == "amara" else (n.sana, n.amara)
    named = name(company, slack, n.tom, by, reason="He set it up.")
    assert not Resource.objects.visible_to(as_actor(n.tom), company.now).filter(directory=False).exists()
    recipients = Notice.objects.filter(event="interim_named").values_list("recipient", flat=True)
    assert set(recipients) == ({n.sana.pk, n.viktor.pk} if by == n.amara else {n.amara.pk})
    confirm(company, named, other)
    kept = Resource.objects.get(pk=slack.pk)
    assert kept.interim_owner(company.now) == n.tom
    assert Relation.RESOURCE_OWNER in kept.relations(n.tom, company.now)
    resources.amend_resource(kept, actor=as_actor(n.tom), now=company.now, fields={"about": "Where finance talks."})
    end = company.now + timedelta(days=30)
    assert kept.interim_owner(end - timedelta(seconds=1)) == n.tom
    assert kept.is_ownerless(end)
    assert Relation.RESOURCE_OWNER not in kept.relations(n.tom, end)
    assert {notice.recipient for notice in Notice.objects.filter(event="interim_confirmed")} == {n.tom}
    assert [event.verb for event in LedgerEvent.objects.filter(verb__startswith="interim.").order_by("pk")] == [
        "interim.named",
        "interim.confirmed",
    ]


@pytest.mark.rule("I3")
def test_expired_interim_owner_is_replaced(company: Company) -> None:
    n, slack = company.people, orphan(company)
    first = stands_in(company, slack, n.mei, lead=n.amara)
    late = company.now + timedelta(days=30)
    ownership_transitions.NAME_INTERIM["resource"](slack, actor=as_actor(n.sana), now=late, person=n.lena)
    first.refresh_from_db()
    assert (first.state, first.ended_at, Resource.objects.get(pk=slack.pk).interim) == ("ended", late, None)
    assert recorded("interim.ended", first, by=n.sana)["why"] == "term"


@pytest.mark.rule("I3", "S8")
def test_accepted_owner_ends_interim(company: Company) -> None:
    n, slack = company.people, orphan(company)
    named = stands_in(company, slack, n.mei, lead=n.amara)
    assert Resource.objects.get(pk=slack.pk).interim_owner(company.now) == n.mei
    own(slack, n.lena, n.tom, now=company.now)
    kept = Resource.objects.get(pk=slack.pk)
    named.refresh_from_db()
    assert (named.state, kept.interim, kept.is_ownerless(company.now)) == ("ended", None, False)
    assert recorded("interim.ended", named, by=n.lena)["why"] == "owner"
    assert Relation.RESOURCE_OWNER not in kept.relations(n.mei, company.now)


@pytest.mark.rule("I3")
@pytest.mark.parametrize("who", ["mei", "amara", "viktor"])
def test_the_person_the_lead_or_security_ends_it_with_a_reason(company: Company, who: str) -> None:
    n, slack = company.people, orphan(company)
    named = stands_in(company, slack, n.mei, lead=n.amara)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        ownership_transitions.drop_interim(named, actor=as_actor(n.rita), now=company.now, reason="No.")
    with pytest.raises(InvalidInput, match="reason"):
        ownership_transitions.drop_interim(named, actor=as_actor(getattr(n, who)), now=company.now)
    ownership_transitions.drop_interim(named, actor=as_actor(getattr(n, who)), now=company.now, reason="Not hers.")
    assert Resource.objects.get(pk=slack.pk).is_ownerless(company.now)
    with pytest.raises(OutOfTurn, match=r"^STATE: This interim owner is ended, so this"):
        ownership_transitions.drop_interim(named, actor=as_actor(n.sana), now=company.now, reason="Again.")


# --- automations, identities, credentials ------------------------------------------------------------------------------


@pytest.mark.rule("I3")
def test_ownerless_automation_gets_interim_owner(company: Company) -> None:
    n = company.people
    automation = scenarios.brought_in(company).automation
    left(company, n.jonas)
    automation = Automation.objects.get(pk=automation.pk)
    assert automation in Automation.objects.ownerless(company.now)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        name(company, automation, n.bram, n.rita)
    named = stands_in(company, automation, n.grace, lead=n.theo)
    automation = Automation.objects.get(pk=automation.pk)
    assert automation not in Automation.objects.ownerless(company.now)
    assert automation in Automation.objects.visible_to(as_actor(n.grace), company.now)
    assert Relation.BUSINESS_OWNER in automation.relations(n.grace, company.now)
    confirmation.amend_automation(
        automation, actor=as_actor(n.grace), now=company.now, fields={"business_owner": n.theo}
    )
    named.refresh_from_db()
    assert (named.state, Automation.objects.get(pk=automation.pk).interim) == ("ended", None)
    assert automation not in Automation.objects.visible_to(as_actor(n.grace), company.now)


@pytest.mark.rule("I3", "I5")
def test_interim_of_identity_is_named_by_responsible_lead(company: Company) -> None:
    n = company.people
    automation = scenarios.brought_in(company).automation
    serves, alone = (
        NonHumanIdentity.objects.create(kind="spiffe", issuer="x", subject=word, owner=n.jonas, automation=serving)
        for word, serving in (("one", automation), ("two", None))
    )
    left(company, n.jonas)  # of Finance Operations, like the automation
    for identity in (serves, alone):
        identity = NonHumanIdentity.objects.get(pk=identity.pk)
        assert identity in NonHumanIdentity.objects.ownerless(company.now)
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            name(company, identity, n.piet, n.amara)
        stands_in(company, identity, n.piet, lead=n.theo)
        identity = NonHumanIdentity.objects.get(pk=identity.pk)
        assert identity not in NonHumanIdentity.objects.ownerless(company.now)
        assert Relation.TECHNICAL_OWNER in identity.relations(n.piet, company.now)


@pytest.mark.rule("I3", "I6")
def test_a_credential_that_never_had_an_owner_has_not_lost_one(company: Company) -> None:
    n = company.people
    scenarios.brought_in(company)
    credential = Credential.objects.filter(opens=company.slack).order_by("pk")[0]
    assert not credential.is_ownerless(company.now)
    with pytest.raises(OutOfTurn, match="never had an owner"):
        name(company, credential, n.piet, n.amara)
    credential.owner = n.lena
    credential.save()
    left(company, n.lena)
    credential = Credential.objects.get(pk=credential.pk)
    assert list(Credential.objects.ownerless(company.now)) == [credential]
    stands_in(company, credential, n.piet, lead=n.amara)  # leads the team of the resource that it opens
    assert not Credential.objects.get(pk=credential.pk).is_ownerless(company.now)


# --- found -------------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I3")
def test_leads_find_what_their_team_has_lost_and_security_finds_all_of_it(
    company: Company, django_assert_num_queries: Any
) -> None:
    n = company.people
    automation = scenarios.brought_in(company).automation
    identity = NonHumanIdentity.objects.create(kind="spiffe", issuer="x", subject="one", owner=n.jonas)
    left(company, n.jonas)
    left(company, n.omar)
    actors = {who: as_actor(getattr(n, who)) for who in ("sana", "theo", "amara", "rita")}
    items = {}
    for who, actor in actors.items():
        with django_assert_num_queries(1 if who == "rita" else 2):  # roles, and this
            items[who] = {
                (item.kind, item.pk) for item in ownership_queries.ownerless_items(actor, company.now, most=20)
            }
    of_finance = {("automation", automation.pk), ("identity", identity.pk)}
    of_platform = {("resource", resource.pk) for resource in (company.erp, company.slack, company.model)}
    assert items == {"sana": of_finance | of_platform, "theo": of_finance, "amara": of_platform, "rita": set()}
    stands_in(company, automation, n.grace, lead=n.theo)
    assert ("automation", automation.pk) not in {
        (o.kind, o.pk) for o in ownership_queries.ownerless_items(actors["theo"], company.now, most=9)
    }
