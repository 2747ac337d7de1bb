"""Tokens of programs: made by a person in a session, known by a digest, and good for two things alone (S5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from approvals.models import Submission
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn, Refused
from governance.core.engine.transition import REGISTRY
from governance.core.models import ApiToken, FreeText, LedgerEvent, Person, Team
from governance.core.roles.roles import BY_TOKEN, Permission
from governance.core.sign_in import transitions as sign_in_transitions
from governance.core.tokens import transitions as token_transitions
from inventory.imports.transitions import confirmation
from inventory.models import Automation, ImportItem
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals.refusals import database_refuses, sql
from tests.people import Northwind, as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of

#: Everything that a program with a token can do, by the name of the operation. A new one is not here, and so is refused (S5).
OPERATIONS = {
    "controls.team.confirm_import",
    "inventory.automation.submit",
}


def made_for(person: Person, *, team: Team | None = None, days: int = 30, name: str = "Deploy") -> tuple[ApiToken, str]:
    """A token of somebody's, and its secret."""
    secret = token_transitions.new_secret()
    actor = as_actor(person)
    made: object = token_transitions.make_token(
        person, actor=actor, now=current_time.now(), name=name, secret=secret, days=days, team=team
    )
    assert isinstance(made, ApiToken)
    return made, secret


def by_token(person: Person, team: Team | None = None) -> Actor:
    """Somebody's program."""
    return Actor.of_token(made_for(person, team=team)[0])


# --- what a token reaches ---------------------------------------------------------------------------------------------


@pytest.mark.rule("S5")
def test_token_operations_are_listed_and_new_ones_are_refused() -> None:
    assert {name for name, verb in REGISTRY.items() if verb.permission in BY_TOKEN} == OPERATIONS


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_program_gets_two_permissions_only(company: Company) -> None:
    every = [company.people.ines, company.people.sana, company.people.theo, company.people.omar]
    for person in every:
        actor = by_token(person)
        pairs = [
            (permission, row)
            for permission in Permission
            for row in (None, company.slack, person, company.people.finance_ops)
        ]
        granted = {permission for permission, row in pairs if access.may(actor, permission, row, now=company.now)}
        assert granted <= BY_TOKEN


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_program_decides_nothing_and_attempt_is_recorded(company: Company, stock_submitted: Submission) -> None:
    app = stock_submitted.approvals.get(stage=1)
    actor = by_token(company.people.theo)
    verb = REGISTRY["approvals.approval.approve"]
    with pytest.raises(NotPermitted) as error:
        verb(app, actor=actor, now=company.now, reason="Fine.", shown_digest="")
    assert error.value.refusal.code == "S5"
    event = LedgerEvent.objects.latest("pk")
    assert (event.outcome, event.code, event.verb) == ("refused", "S5", "approval.approved")
    assert event.payload["token"] == str(actor.token.pk) if actor.token else ""


@pytest.mark.django_db
@pytest.mark.rule("S5", "A8")
def test_earlier_decision_of_person_does_not_help_program(company: Company, stock_in_stage_2: Submission) -> None:
    app = stock_in_stage_2.approvals.get(stage=1)
    fields = {"reason": "Fine by me.", "shown_digest": scenarios.shown(app)}
    with pytest.raises(Refused, match=r"^STATE: This approval is approved, so this can't"):
        REGISTRY["approvals.approval.approve"](app, actor=by_token(company.people.theo), now=company.now, **fields)


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_a_token_of_a_team_reaches_and_sees_that_team_alone(company: Company, stock_submitted: Submission) -> None:
    n = company.people
    other = by_token(n.amara, team=n.platform)
    refusal = confirmation.confirm_import.refusal(n.finance_ops, actor=other, now=company.now)
    assert refusal is not None
    assert refusal.code == "S5"
    verb = REGISTRY["inventory.automation.submit"]
    refusal = verb.refusal(stock_submitted.automation, actor=other, now=company.now)
    assert refusal is not None
    assert refusal.code == "S5"
    seen = Automation.objects.visible_to
    assert stock_submitted.automation in seen(as_actor(n.amara), company.now), "she answers for what it touches"
    assert stock_submitted.automation not in seen(other, company.now)
    assert stock_submitted.automation in seen(by_token(n.rita, team=n.finance_ops), company.now)
    everything = by_token(n.sana, team=n.security)
    assert not seen(everything, company.now).exists(), "a role sees all, a token of a team its team's"


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_token_never_acts_as_delegate(company: Company) -> None:
    as_delegate(company.people.rita, giver=company.people.jonas)
    assert by_token(company.people.rita).standing_for is None


# --- what ends it -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_revoked_expired_or_leavers_token_is_refused(company: Company) -> None:
    n, now = company.people, company.now
    revoked, first = made_for(n.rita)
    left, second = made_for(n.piet)
    over, third = made_for(n.rita)
    assert all(token_transitions.recognise(secret) for secret in (first, second, third))
    token_transitions.revoke_token(revoked, actor=as_actor(n.rita), now=now)
    record_leaver(n.piet, actor=as_actor(n.ines), now=now, reason="A new job.")
    later = timezone.now() + timedelta(days=31)
    assert token_transitions.recognise(first) is None
    assert token_transitions.recognise(second) is None
    assert over not in ApiToken.objects.live(later)
    assert token_transitions.recognise(third) == over
    assert not left.is_over, "it ends with its person, by no write of its own"


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_token_revoked_during_request_writes_nothing(company: Company) -> None:
    n = company.people
    token, _ = made_for(n.rita)
    actor = Actor.of_token(ApiToken.objects.select_related("person").get(pk=token.pk))
    token_transitions.revoke_token(token, actor=as_actor(n.rita), now=company.now)
    with pytest.raises(NotPermitted, match="revoked"):
        confirmation.confirm_import(n.finance_ops, actor=actor, now=company.now, item=ImportItem(), fields={})


@pytest.mark.parametrize(
    "secret", ["", "csgn_", "csgn_" + "x" * 42, "other_" + "x" * 43, "csgn_" + "ü" * 43, "x\0" * 30]
)
def test_malformed_secret_is_not_looked_up(secret: str) -> None:
    assert token_transitions.recognise(secret) is None  # the database is closed here


# --- how one is made --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("with a token", "S5: A token decides nothing"),
        ("in no session", "S5: A token is made by a person"),
        ("for another", "PERMISSION: "),
        ("in another's place", "S5: A token is made by a person"),
    ],
)
def test_a_token_is_made_in_a_session_for_oneself(company: Company, how: str, why: str) -> None:
    n = company.people
    actor = {
        "with a token": lambda: by_token(n.rita),
        "in no session": lambda: Actor.of_person(n.rita),
        "for another": lambda: as_actor(n.theo),
        "in another's place": lambda: as_delegate(n.theo, giver=n.rita),
    }[how]()
    before = ApiToken.objects.count()
    with pytest.raises((NotPermitted, DutyConflict), match=f"^{why}"):
        token_transitions.make_token(
            n.rita, actor=actor, now=company.now, name="x", secret=token_transitions.new_secret(), days=7
        )
    assert ApiToken.objects.count() == before


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_a_token_needs_a_sign_in_at_most_15_minutes_old(northwind: Northwind) -> None:
    rita = northwind.rita
    fields = {"now": northwind.now, "name": "Deploy", "secret": token_transitions.new_secret(), "days": 7}
    with pytest.raises(DutyConflict, match="This needs a sign-in at most 15 minutes old") as error:
        token_transitions.make_token(rita, actor=as_actor(rita, minutes_since_sign_in=16), **fields)
    assert error.value.refusal.code == "SOD-5"
    made: object = token_transitions.make_token(rita, actor=as_actor(rita, minutes_since_sign_in=14), **fields)
    assert list(ApiToken.objects.all()) == [made]


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_the_page_sends_an_old_session_to_sign_in_again(northwind: Northwind) -> None:
    page = reverse("my_tokens")
    answer = client_of(northwind.rita, minutes_ago=16).post(page, {"name": "Nightly", "team": "", "days": "30"})
    assert answer.status_code == 403
    assert f"{reverse('account_reauthenticate')}?next={quote(page, safe='')}" in answer.content.decode()
    assert not ApiToken.objects.exists()


@pytest.mark.django_db
@pytest.mark.rule("S5", "H1")
def test_a_password_change_revokes_tokens_and_ends_sessions(northwind: Northwind) -> None:
    rita = northwind.rita
    token, secret = made_for(rita)
    other, kept = made_for(northwind.theo)
    browser = client_of(rita)
    sign_in_transitions.set_password(
        rita, actor=as_actor(rita), now=northwind.now, password="correct horse battery staple"
    )
    assert token_transitions.recognise(secret) is None
    assert token_transitions.recognise(kept) == other
    assert browser.get(reverse("me")).status_code == 302
    event = LedgerEvent.objects.get(verb="token.revoked")
    assert event.subject_id == str(token.pk)
    assert token.history.count() == 2


@pytest.mark.django_db
@pytest.mark.rule("S5")
@pytest.mark.parametrize("wrong", [{"days": 91}, {"days": 0}, {"days": -1}, {"name": " \u200b "}, {"team": "security"}])
def test_token_has_name_end_and_own_team(northwind: Northwind, wrong: dict[str, Any]) -> None:
    fields = {"name": "Deploy", "days": 90, **wrong}
    if "team" in fields:
        fields["team"] = getattr(northwind, fields["team"])
    with pytest.raises(InvalidInput, match=r"^S5: "):
        token_transitions.make_token(
            northwind.rita, actor=as_actor(northwind.rita), now=northwind.now, secret="csgn_x", **fields
        )


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_number_of_tokens_is_limited(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_transitions, "MOST", 2)
    for _ in range(2):
        made_for(northwind.rita)
    with pytest.raises(InvalidInput, match="already"):
        made_for(northwind.rita)
    token_transitions.revoke_token(ApiToken.objects.latest("pk"), actor=as_actor(northwind.rita), now=northwind.now)
    made_for(northwind.rita)
    monkeypatch.setattr(token_transitions, "MOST_A_DAY", 3)
    token_transitions.revoke_token(ApiToken.objects.latest("pk"), actor=as_actor(northwind.rita), now=northwind.now)
    with pytest.raises(InvalidInput, match="within a day"):
        made_for(northwind.rita)


@pytest.mark.django_db
@pytest.mark.rule("I6", "H1")
def test_token_secret_is_not_stored_and_its_life_is_recorded(northwind: Northwind) -> None:
    token, secret = made_for(northwind.rita)
    token_transitions.revoke_token(token, actor=as_actor(northwind.sana), now=northwind.now)
    everything = [*ApiToken.objects.values(), *ApiToken.history.values(), *LedgerEvent.objects.values()]
    assert secret[len(token.shown) :] not in repr([*everything, *FreeText.objects.values()])
    verbs = LedgerEvent.objects.filter(about__contains=[f"controls.person:{northwind.rita.pk}"])
    assert {"token.made", "token.revoked"} <= set(verbs.values_list("verb", flat=True))
    assert token.history.count() == 2
    with pytest.raises(OutOfTurn, match=r"^STATE: This token was revoked already\."):
        token_transitions.revoke_token(token, actor=as_actor(northwind.rita), now=northwind.now)


@pytest.mark.django_db
@pytest.mark.rule("S5", "H2")
@pytest.mark.parametrize(
    "change",
    [
        "expires_at = expires_at + interval '1 day'",
        "person_id = person_id + 1",
        "secret_digest = 'another'",
        "team_id = (SELECT min(id) FROM controls_team)",
    ],
)
def test_the_database_keeps_a_token_as_it_was_made(northwind: Northwind, change: str) -> None:
    token, _ = made_for(northwind.rita, days=30)
    with database_refuses("stays what it was made as"):
        sql(f"UPDATE controls_apitoken SET {change} WHERE id = {token.pk}")


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_the_database_lets_none_last_longer_or_come_back(northwind: Northwind) -> None:
    token, _ = made_for(northwind.rita)
    token_transitions.revoke_token(token, actor=as_actor(northwind.rita), now=northwind.now)
    with database_refuses("stays what it was made as"):
        sql(f"UPDATE controls_apitoken SET revoked_at = NULL WHERE id = {token.pk}")
    at = timezone.now()
    row = {"person": northwind.rita, "shown": "csgn_x", "secret_digest": "d", "made_at": at}
    with database_refuses("token_ends_in_time"), transaction.atomic():
        ApiToken.objects.create(expires_at=at + timedelta(days=91), **row)


# --- the pages ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_the_page_shows_a_secret_once_and_then_how_it_begins(northwind: Northwind) -> None:
    rita = client_of(northwind.rita)
    page = reverse("my_tokens")
    assert "No tokens yet" in rita.get(page).content.decode()
    answer = rita.post(page, {"name": "Nightly", "team": northwind.finance_ops.pk, "days": "30"})
    token = ApiToken.objects.get()
    secret = answer.context["made"]["secret"]
    assert token_transitions.recognise(secret) == token
    assert token.team == northwind.finance_ops
    assert "no-store" in answer["Cache-Control"]
    again_shown = rita.get(page).content.decode()
    assert secret not in again_shown
    assert f"{token.shown}…" in again_shown
    theo = client_of(northwind.theo).get(page).content.decode()
    assert "Nightly" in theo, "its team's lead sees what opens something in the team's name"
    assert rita.post(reverse("token_revoke", args=[token.pk]), {"back": page})["Location"] == page
    assert token_transitions.recognise(secret) is None


@pytest.mark.django_db
@pytest.mark.rule("S5")
@pytest.mark.parametrize("field", [{"team": "security"}, {"days": "900"}, {"days": "x"}, {"name": ""}])
def test_a_garbled_form_makes_none_and_says_where(northwind: Northwind, field: dict[str, str]) -> None:
    form = {"name": "Nightly", "team": "", "days": "30", **field}
    if form["team"]:
        form["team"] = str(getattr(northwind, form["team"]).pk)
    answer = client_of(northwind.rita).post(reverse("my_tokens"), form)
    assert answer.status_code == 422
    assert not ApiToken.objects.exists()


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_observer_revokes_token_on_persons_page(northwind: Northwind) -> None:
    token, secret = made_for(northwind.rita, name="Left on a laptop")
    sana = client_of(northwind.sana)
    person = reverse("person", args=[northwind.rita.pk])
    assert "Left on a laptop" in sana.get(person).content.decode()
    sana.post(reverse("token_revoke", args=[token.pk]), {"back": person})
    assert token_transitions.recognise(secret) is None
    assert "Left on a laptop" not in sana.get(person).content.decode()
    other, _ = made_for(northwind.rita)
    assert client_of(northwind.nadia).post(reverse("token_revoke", args=[other.pk])).status_code == 404
