"""The question before one grant is stopped says what stops with it, and what could have been reached (G5, A2)."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import Grant, GrantState, Submission
from governance.core.models import Person
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, Credential
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def question(person: Person, grant: Grant) -> str:
    """The words of the question, and nothing of the frame."""
    answer = client_of(person).get(reverse("grant_stop", args=[grant.pk]))
    assert answer.status_code == 200
    main = answer.content.decode().partition("<main")[2].partition("</main")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def of_credential(c: Company, live: Submission) -> Grant:
    """The grant on the ERP."""
    return Grant.objects.get(automation=live.automation, kind="credential", credential__opens=c.erp)


def of_privilege(c: Company, live: Submission) -> Grant:
    """The grant to post to Slack."""
    return Grant.objects.get(automation=live.automation, kind="privilege", entitlement__resource=c.slack)


@pytest.mark.rule("G5")
def test_question_is_hidden_without_stop_right(company: Company, live: Submission) -> None:
    grant, n = of_credential(company, live), company.people
    for person, status in ((n.nadia, 404), (n.yuki, 403)):
        answer = client_of(person).get(reverse("grant_stop", args=[grant.pk]))
        assert answer.status_code == status
        assert "Read scm" not in answer.content.decode()


@pytest.mark.rule("G5", "A2", "G3")
def test_stopping_credential_lists_affected_privileges(company: Company, live: Submission) -> None:
    c, grant = company, of_credential(company, live)
    text = question(c.people.omar, grant)
    assert "can no longer use the credential ERP Postgres (production) from this moment" in text
    assert "1 privilege that needs it stops with it." in text
    assert "Read scm.stock in ERP Postgres (production) Confidential data." in text
    assert "Slack" not in text, "that does not need it"
    assert "The rest of the automation runs on." in text
    before = set(Grant.objects.live(c.now).filter(automation=live.automation))
    transition_lifecycle.stop(grant, actor=as_actor(c.people.omar), now=c.now, reason="Leaked.")
    gone = before - set(Grant.objects.live(c.now).filter(automation=live.automation))
    assert {grant.kind for grant in gone} == {"credential", "privilege"}
    assert len(gone) == 2, "as the question said"


@pytest.mark.rule("G5", "I6")
def test_stop_page_shows_reach_of_credential_or_unknown(company: Company, live: Submission) -> None:
    grant = of_credential(company, live)
    assert "What else it opens is not known." in question(company.people.omar, grant)
    Credential.objects.filter(pk=grant.credential_id).update(reach_kind="read", reach=["row:select", "row:delete"])
    assert "It opens: row:select, row:delete." in question(company.people.omar, grant)


@pytest.mark.rule("G5")
def test_stop_page_shows_reach_and_way_back_of_privilege(company: Company, live: Submission) -> None:
    text = question(company.people.omar, of_privilege(company, live))
    assert "Post messages to supply-stock in Finance Slack workspace Internal data." in text
    assert "ERP" not in text
    assert "The rest of the automation runs on." in text
    assert "comes back once it was submitted again and two others have approved it" in text


@pytest.mark.rule("G5", "G3")
def test_stop_page_claims_no_remaining_access_when_none_is_left(company: Company, live: Submission) -> None:
    c, n = company, company.people
    kept = of_credential(c, live)
    others = Grant.objects.filter(automation=live.automation).exclude(pk=kept.pk)
    for grant in others.exclude(credential=kept.credential):
        transition_lifecycle.stop(grant, actor=as_actor(n.omar), now=c.now, reason="Leaked.")
    assert "runs on" not in question(n.omar, kept)
    assert "Nothing else of the automation is in force." in question(n.omar, kept)


@pytest.mark.rule("G5", "G3")
def test_stopped_automation_shows_no_access_in_force(company: Company, live: Submission) -> None:
    c, n = company, company.people
    automation = Automation.objects.get(pk=live.automation_id)
    lifecycle.stop(automation, actor=as_actor(n.jonas), now=c.now, reason="It posts nonsense.")
    for grant in (of_credential(c, live), of_privilege(c, live)):
        text = question(n.omar, grant)
        assert "It is not in force now: the automation is stopped." in text
        assert "runs on" not in text


@pytest.mark.rule("G5")
def test_stop_without_reason_is_refused_and_form_stays(company: Company, live: Submission) -> None:
    grant = of_privilege(company, live)
    answer = client_of(company.people.omar).post(reverse("grant_stop", args=[grant.pk]), {"reason": " "})
    assert answer.status_code == 422
    assert "Stop this grant?" in answer.content.decode()
    grant.refresh_from_db()
    assert grant.state == GrantState.ACTIVE
