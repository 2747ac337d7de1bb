"""One extra approval covers a conflict: asked for once, given once with a reason, shown with name and date (S6): refused first."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.urls import reverse

from approvals.assignment import separation_of_duties
from approvals.assignment.context import load_context
from approvals.conflicts import jobs as conflict_jobs
from approvals.conflicts.views import rows as conflict_rows
from approvals.models import (
    Approval,
    ApprovalState,
    Conflict,
    ConflictSignature,
    Decision,
    DecisionPerson,
    Grant,
    Retraction,
    Submission,
    SubmissionState,
)
from approvals.submissions.transitions import put_in_force
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import DutyConflict, InvalidInput
from governance.core.models import LedgerEvent, Person
from governance.core.roles.roles import Role
from inventory.models import Version
from tests import people, scenarios
from tests.approvals import stock_report
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.refusals import database_refuses
from tests.inventory.importers import samples
from tests.people import as_actor, joins
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point
from tests.trigger_bypass import given

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands"), pytest.mark.rule("S6")]

WHY = "The report goes to buyers alone."

Edit = Callable[[dict[str, Any]], None]


def in_stage_2(c: Company, edit: Edit | None = None) -> Submission:
    """A report in stage 2 that reads the ERP and posts to Slack, which together need an extra approval."""
    conflict_rules.rule(on(c.erp), on(c.slack), mode="approval")
    made = stock_report.submitted(c, edit)
    scenarios.decide_app(c, made)
    return made


def credentials_approved(c: Company) -> Submission:
    """The owner approves the credentials of the newest submission."""
    made = stock_report.newest(c)
    for record in made.approvals.filter(stage=2, kind="credential").order_by("pk"):
        scenarios.approve(record, c.people.omar, now=c.now)
    return made


def decided_by_owners(c: Company) -> Submission:
    """The owner approves all that is left of the newest submission."""
    made = stock_report.newest(c)
    for record in made.approvals.filter(stage=2, state=ApprovalState.OPEN).order_by("pk"):
        scenarios.approve(record, c.people.omar, now=c.now)
    made.refresh_from_db()
    return made


def decided_with_one_more_channel(c: Company) -> Submission:
    """The owner approves a report that posts to a second channel too."""
    in_stage_2(c, stock_report.one_more_channel)
    return decided_by_owners(c)


def in_conflict(submission: Submission) -> list[Approval]:
    """What waits for the extra approval."""
    return list(submission.approvals.filter(stage=2, state=ApprovalState.OPEN).order_by("pk"))


def signed(c: Company, submission: Submission, who: Person | None = None, reason: str = WHY) -> Approval:
    """Somebody gives the extra approval on the first of it."""
    return scenarios.approve(in_conflict(submission)[0], who or c.people.sana, now=c.now, reason=reason)


def signed_by_security(c: Company) -> Submission:
    """Security gives the extra approval for the newest submission."""
    made = stock_report.newest(c)
    signed(c, made)
    made.refresh_from_db()
    return made


IN_STAGE_2 = starting_point("plain", in_stage_2)
CREDENTIALS_APPROVED = starting_point(IN_STAGE_2, credentials_approved)
DECIDED = starting_point(CREDENTIALS_APPROVED, decided_by_owners)
WITH_ONE_MORE_CHANNEL = starting_point("plain", decided_with_one_more_channel)
SIGNED = starting_point(DECIDED, signed_by_security)


def read(c: Company, who: str, path: str) -> str:
    answer = client_of(getattr(c.people, who)).get(path)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


# --- who does not give it -------------------------------------------------------------------------------------------------


@pytest.mark.rule("S1", "A8")
@DECIDED
def test_party_and_other_seat_holder_do_not_give_extra_approval(plain: Company, start: Submission) -> None:
    n, made = plain.people, start
    assert len(in_conflict(made)) == 2
    made.parties.create(person=n.viktor, capacity="editor")
    for who, code in ((n.viktor, "SOD-1"), (n.omar, "A8")):
        with pytest.raises(DutyConflict) as error:
            signed(plain, made, who)
        assert error.value.refusal.code == code
    assert not ConflictSignature.objects.exists()


@pytest.mark.rule("S2")
@WITH_ONE_MORE_CHANNEL
def test_signer_counts_as_an_approver_of_stage_2(plain: Company, start: Submission) -> None:
    n, made = plain.people, start
    signed(plain, made)
    used = DecisionPerson.objects.filter(submission=made, person=n.sana)
    assert set(used.values_list("stage", flat=True)) == {2}
    approval = used.select_related("decision__approval")[0].decision.approval
    conflict = separation_of_duties.conflict(n.sana, load_context(made, plain.now).route, scenarios.app_of(made))
    assert conflict == ("SOD-2", "Sana Iqbal decided a privilege in stage 2")
    assert approval.stage == 2


@pytest.mark.rule("A7")
@DECIDED
def test_extra_approval_needs_a_reason(plain: Company, start: Submission) -> None:
    made = start
    with pytest.raises(InvalidInput) as error:
        signed(plain, made, reason="")
    assert error.value.refusal.sentence == "Say why: one reason stands for all that is in the conflict."
    assert not ConflictSignature.objects.exists()


@pytest.mark.rule("S1", "S2")
@SIGNED
def test_database_takes_no_signature_without_the_decision_that_gives_it(plain: Company, start: Submission) -> None:
    made = start
    row = ConflictSignature.objects.get()
    other = Decision.objects.filter(approval__submission=made, seat__label="owner").order_by("pk")[0]
    same = {"submission": made, "rule": row.rule, "reason": row.reason, "digest": "0" * 64, "covers": [], "at": row.at}
    for wrong in (
        {"decision": other, "person": other.person},
        {"decision": row.decision, "person": plain.people.viktor},
        {"decision": row.decision, "person": row.person, "for_person": plain.people.viktor},
    ):
        with database_refuses("S6: a conflict is approved by a decision"):
            ConflictSignature.objects.create(**{**same, **wrong})
    with database_refuses("append_only"):
        ConflictSignature.objects.filter(pk=row.pk).update(person=plain.people.viktor)


# --- given once -----------------------------------------------------------------------------------------------------------


@WITH_ONE_MORE_CHANNEL
def test_one_signature_covers_all_that_is_in_the_conflict(plain: Company, start: Submission) -> None:
    n, made = plain.people, start
    assert made.state == SubmissionState.OPEN
    assert len(in_conflict(made)) == 3
    signed(plain, made)
    made.refresh_from_db()
    assert made.state == SubmissionState.IN_FORCE
    row = ConflictSignature.objects.get()
    assert (row.person, row.reason.shown, row.submission, row.at) == (n.sana, WHY, made, plain.now)
    given = Decision.objects.filter(approval__submission=made, seat__label="conflict")
    assert {(signature.person, signature.reason.shown) for signature in given} == {(n.sana, WHY)}
    assert given.count() == 3
    assert LedgerEvent.objects.filter(verb="conflict.signed", outcome="done").count() == 1


@DECIDED
def test_nothing_comes_into_force_without_extra_approval(plain: Company, start: Submission) -> None:
    made = start
    assert made.state == SubmissionState.OPEN
    assert not Grant.objects.filter(automation=made.automation).exists()
    signed(plain, made)
    assert Grant.objects.filter(automation=made.automation).exists()


@CREDENTIALS_APPROVED
def test_refused_privilege_takes_the_extra_approval_along(plain: Company, start: Submission) -> None:
    made = start
    scenarios.approve(stock_report.privilege_on(made, plain.erp), plain.people.omar, now=plain.now)
    scenarios.reject(stock_report.privilege_on(made, plain.slack), plain.people.omar, now=plain.now)
    made.refresh_from_db()
    assert made.state == SubmissionState.DECIDED
    assert LedgerEvent.objects.filter(verb="approval.left_alone", outcome="done").count() == 1
    assert not Decision.objects.filter(seat__label="conflict").exists()
    put_in_force.accept_subset(made, actor=as_actor(plain.people.jonas), now=plain.now)
    assert made.state == SubmissionState.IN_FORCE


def half_refused(c: Company) -> Submission:
    """The owner approves one side of the conflict, and refuses the other; the credentials are open."""
    made = stock_report.newest(c)
    scenarios.approve(stock_report.privilege_on(made, c.erp), c.people.omar, now=c.now)
    scenarios.reject(stock_report.privilege_on(made, c.slack), c.people.omar, now=c.now)
    return made


@starting_point(IN_STAGE_2, half_refused)
def test_refusal_that_is_taken_back_brings_the_extra_approval_back(plain: Company, start: Submission) -> None:
    n, made = plain.people, start
    reads = made.approvals.get(privilege__entitlement__resource=plain.erp)
    posts = made.approvals.get(privilege__entitlement__resource=plain.slack)
    assert reads.state == ApprovalState.APPROVED
    scenarios.retract(posts, n.omar, now=plain.now)
    scenarios.approve(posts, n.omar, now=plain.now)
    for record in made.approvals.filter(stage=2, kind="credential").order_by("pk"):
        scenarios.approve(record, n.omar, now=plain.now)
    scenarios.approve(posts, n.sana, now=plain.now)
    made.refresh_from_db()
    assert made.state == SubmissionState.OPEN, "the other is open again for it"
    signed(plain, made)
    made.refresh_from_db()
    assert made.state == SubmissionState.IN_FORCE
    given = Decision.objects.filter(approval__submission=made, seat__label="conflict", person=n.sana)
    assert set(given.values_list("approval", flat=True)) == {reads.pk, posts.pk}


def asks_the_model(export: dict[str, Any]) -> None:
    """The report posts to a second channel, and reads from where the model answers too."""
    stock_report.one_more_channel(export)
    url = {"url": "https://model.example/x", "method": "GET"}
    export["nodes"].append(samples.node("httpRequest", "Ask", 4.2, **url))


def one_of_two_conflicts_refused(c: Company) -> Submission:
    """The owner refuses one side of a conflict, and approves the rest, which is in another conflict."""
    conflict_rules.rule(on(c.erp), on(c.model), mode="approval", code="read-and-ask")
    conflict_rules.rule(on(c.slack), on(c.slack), mode="approval", code="post-twice")
    made = stock_report.submitted(c, asks_the_model)
    scenarios.decide_app(c, made)
    scenarios.reject(stock_report.privilege_on(made, c.model), c.people.omar, now=c.now)
    return decided_by_owners(c)


ONE_OF_TWO_REFUSED = starting_point("plain", one_of_two_conflicts_refused)


@ONE_OF_TWO_REFUSED
def test_refused_privilege_takes_the_extra_approval_of_its_rule_along_and_of_no_other(
    plain: Company, start: Submission
) -> None:
    made = start
    left = made.approvals.filter(stage=2, state=ApprovalState.OPEN)
    assert set(left.values_list("privilege__entitlement__resource", flat=True)) == {plain.slack.pk}
    signed(plain, made)
    made.refresh_from_db()
    assert made.state == SubmissionState.DECIDED
    assert ConflictSignature.objects.get().rule.code == "post-twice"


def opens_a_door(export: dict[str, Any]) -> None:
    """Anybody can start the report."""
    export["nodes"].append(samples.node("webhook", "Hook", 2, path="orders", httpMethod="POST"))


def first_of_two_conflicts_signed(c: Company) -> Submission:
    """The owner approves a report in two conflicts, and security gives the extra approval of one."""
    conflict_rules.rule(on(c.erp), on(c.slack), mode="approval", code="read-and-post")
    conflict_rules.rule({"entry": ["open"]}, on(c.slack), mode="approval", code="open-and-post")
    made = stock_report.submitted(c, opens_a_door)
    scenarios.decide_app(c, made)
    decided_by_owners(c)
    scenarios.approve(stock_report.privilege_on(made, c.erp), c.people.sana, now=c.now, reason=WHY)
    made.refresh_from_db()
    return made


@starting_point("plain", first_of_two_conflicts_signed)
def test_each_conflict_needs_its_own_extra_approval(plain: Company, start: Submission) -> None:
    made = start
    assert made.state == SubmissionState.OPEN
    assert ConflictSignature.objects.get().rule.code == "read-and-post"
    posts = made.approvals.get(privilege__entitlement__resource=plain.slack)
    scenarios.approve(posts, plain.people.sana, now=plain.now, reason=WHY)
    made.refresh_from_db()
    assert made.state == SubmissionState.IN_FORCE
    signed_rules = {signature.rule.code for signature in ConflictSignature.objects.select_related("rule")}
    assert signed_rules == {"read-and-post", "open-and-post"}


@pytest.mark.rule("A6")
@DECIDED
def test_changed_approval_is_not_signed_with_others(plain: Company, start: Submission) -> None:
    made = start
    _, second = in_conflict(made)
    assert second.privilege is not None
    given(second.privilege.entitlement.resource, name="Slack of the whole group")
    signed(plain, made)
    assert in_conflict(made) == [second]
    signed(plain, made)
    made.refresh_from_db()
    assert made.state == SubmissionState.IN_FORCE


def of_high_risk(c: Company) -> Submission:
    """The owner approves the privileges of a report that reads restricted data, in a company with a third security reviewer."""
    people.give_role(c.people.nadia, Role.SECURITY_REVIEWER, admins=people.admins_there(), now=c.now)
    given(c.erp, data_class="restricted")
    made = in_stage_2(c)
    for resource in (c.erp, c.slack):
        scenarios.approve(stock_report.privilege_on(made, resource), c.people.omar, now=c.now)
    return made


@pytest.mark.rule("A8")
@starting_point("plain", of_high_risk)
def test_extra_approval_covers_high_risk_and_leaves_other_seat(plain: Company, start: Submission) -> None:
    n, made = plain.people, start
    posts = made.approvals.get(privilege__entitlement__resource=plain.slack)
    reads = made.approvals.get(privilege__entitlement__resource=plain.erp)
    assert set(reads.seats.values_list("label", flat=True)) == {"owner", "security", "conflict"}
    scenarios.approve(posts, n.sana, now=plain.now, reason=WHY)
    assert set(reads.decisions.filter(person=n.sana).values_list("seat__label", flat=True)) == {"conflict"}
    scenarios.approve(reads, n.nadia, now=plain.now, reason=WHY)
    assert reads.state == ApprovalState.APPROVED
    assert ConflictSignature.objects.get().person == n.sana


@CREDENTIALS_APPROVED
def test_security_may_sign_before_the_owners(plain: Company, start: Submission) -> None:
    n, made = plain.people, start
    scenarios.approve(made.approvals.filter(kind="privilege").order_by("pk")[0], n.sana, now=plain.now, reason=WHY)
    assert ConflictSignature.objects.count() == 1
    for record in made.approvals.filter(stage=2, kind="privilege").order_by("pk"):
        scenarios.approve(record, n.omar, now=plain.now)
    made.refresh_from_db()
    assert made.state == SubmissionState.IN_FORCE
    assert ConflictSignature.objects.count() == 1


@DECIDED
def test_security_can_refuse_it(plain: Company, start: Submission) -> None:
    made = start
    scenarios.reject(in_conflict(made)[0], plain.people.sana, now=plain.now)
    made.refresh_from_db()
    assert made.approvals.filter(stage=2, state=ApprovalState.REJECTED).count() == 1
    assert not ConflictSignature.objects.exists()


@SIGNED
def test_later_version_with_the_same_combination_needs_no_other(plain: Company) -> None:
    again = stock_report.submitted(plain, stock_report.another_order)
    assert not again.approvals.filter(seats__label="conflict").exists()


@pytest.mark.rule("S1")
@SIGNED
def test_extra_approval_ends_if_signer_becomes_party_later(plain: Company) -> None:
    n = plain.people
    again = stock_report.submitted(plain, stock_report.another_order, technical_owner=joins(n.sana, n.finance_ops))
    assert again.parties.filter(person=n.sana).exists()
    assert again.approvals.filter(seats__label="conflict").exists()


@SIGNED
def test_later_version_with_more_in_it_needs_another(plain: Company) -> None:
    more = stock_report.submitted(plain, stock_report.one_more_channel)
    if more.approvals.filter(stage=1, state=ApprovalState.OPEN).exists():
        scenarios.decide_app(plain, more)
    for record in more.approvals.filter(stage=2, state=ApprovalState.OPEN).order_by("pk"):
        scenarios.approve(record, plain.people.omar, now=plain.now)
    assert more.approvals.filter(seats__label="conflict", state=ApprovalState.OPEN).exists()
    signed(plain, more)
    assert ConflictSignature.objects.count() == 2


def reading_and_posting(c: Company, level: str) -> Submission:
    """The submission of an automation that holds the same two privileges, each at a level."""
    holds = ((c.slack, level, "in", "row:any"), (c.erp, level, "stock", "db:any"))
    made = scenarios.submitted(c, described(c, "Posting", *holds, external_id="posting"))
    if made.approvals.filter(stage=1, state=ApprovalState.OPEN).exists():
        scenarios.decide_app(c, made)
    return made


def signed_at(level: str) -> Callable[[Company], Submission]:
    """Walk to an automation that came into force with an extra approval, its privileges at a level."""

    def walk(c: Company) -> Submission:
        given(c.erp, data_class="internal")
        conflict_rules.rule(on(c.erp), on(c.slack), mode="approval")
        reading_and_posting(c, level)
        decided_by_owners(c)
        made = signed_by_security(c)
        assert made.state == SubmissionState.IN_FORCE
        conflict_jobs.scan_all(c.now, Actor.of_job(conflict_jobs.JOB))
        return made

    return walk


SIGNED_AT = {level: starting_point("plain", signed_at(level), name=level) for level in ("read", "write")}


def signature_of_conflict(c: Company) -> int | None:
    """The signature that pages show for the open conflict."""
    return Conflict.objects.telling_waived(c.now).get().signed_by


@SIGNED_AT["read"]
def test_extra_approval_covers_no_raised_level(plain: Company, start: Submission) -> None:
    signature = ConflictSignature.objects.get()
    assert signature_of_conflict(plain) == signature.pk
    raised = reading_and_posting(plain, "write")
    assert raised.approvals.filter(seats__label="conflict").count() == 2
    assert [conflict.signature for conflict in load_context(raised, plain.now).conflicts.as_asked] == [None]
    decided_by_owners(plain)
    signed_by_security(plain)
    conflict_jobs.scan_all(plain.now, Actor.of_job(conflict_jobs.JOB))
    assert signature_of_conflict(plain) == ConflictSignature.objects.exclude(pk=signature.pk).get().pk


@SIGNED_AT["write"]
def test_extra_approval_covers_a_lower_level(plain: Company, start: Submission) -> None:
    lowered = reading_and_posting(plain, "read")
    assert not lowered.approvals.filter(seats__label="conflict").exists()
    conflicts = load_context(lowered, plain.now).conflicts.as_asked
    assert [conflict.signature for conflict in conflicts] == [ConflictSignature.objects.get()]


def posts(c: Company, level: str) -> Version:
    """A version of an automation of the same team that posts at a level."""
    return described(c, "Posts", (c.slack, level, "in", "row:any"), external_id="posts")


def signed_beside(c: Company) -> Submission:
    """An automation that reads came into force with an extra approval, beside another of its team that posts."""
    given(c.erp, data_class="internal")
    conflict_rules.rule(on(c.erp), on(c.slack), mode="approval", scope="team")
    in_force(c, posts(c, "read"))
    scenarios.decide_app(c, scenarios.submitted(c, described(c, "Reads", (c.erp, "read", "stock"))))
    decided_by_owners(c)
    return signed_by_security(c)


def raised_beside(c: Company) -> Submission:
    """The other is raised, with an extra approval of its own."""
    made = stock_report.newest(c)
    assert in_force(c, posts(c, "write")).state == SubmissionState.IN_FORCE
    return made


SIGNED_BESIDE = starting_point("plain", signed_beside)
RAISED_BESIDE = starting_point(SIGNED_BESIDE, raised_beside)


@pytest.mark.parametrize(
    "is_covered", [pytest.param(True, marks=SIGNED_BESIDE), pytest.param(False, marks=RAISED_BESIDE)]
)
def test_extra_approval_covers_no_level_that_another_automation_has_raised(
    plain: Company, start: Submission, is_covered: bool
) -> None:
    (conflict,) = load_context(start, plain.now).conflicts.as_asked
    assert (conflict.signature is not None) == is_covered


# --- shown ----------------------------------------------------------------------------------------------------------------


@DECIDED
def test_review_offers_extra_approval_once(plain: Company, start: Submission) -> None:
    made = start
    path = reverse("review", args=[made.pk])
    assert "Needs one more approval, from Security." in read(plain, "rita", path)
    assert "Give the extra approval" not in read(plain, "rita", path)
    page = read(plain, "sana", path)
    assert page.count("Give the extra approval") == 1
    first = in_conflict(made)[0]
    opened = read(plain, "sana", f"{path}?open={first.pk}")
    assert "Approve all in the conflict" in opened
    assert "required for the whole conflict" in opened


@SIGNED
def test_conflict_page_shows_signer_and_time(plain: Company) -> None:
    conflict_jobs.scan_all(plain.now, Actor.of_job(conflict_jobs.JOB))
    row = Conflict.objects.get()
    page = read(plain, "sana", row.href)
    assert re.search(f"Signed by Sana Iqbal on [^:]+: “{WHY}”", page)
    assert "one more approval" not in page.replace("One more approval", "")
    listed = read(plain, "sana", reverse("conflict_list"))
    assert "Signed" in listed
    assert ">Open<" not in listed.partition("<tbody>")[2]


# --- taken back -----------------------------------------------------------------------------------------------------------


def undo(record: Approval, who: Person, now: datetime) -> Approval:
    """The person takes back the last decision on an approval."""
    record.refresh_from_db()
    return scenarios.retract(record, who, now=now)


def with_one_undecided(c: Company) -> tuple[Submission, list[Approval]]:
    """Two approvals in a conflict that their owner approved, beside one in none that is still open."""
    made = stock_report.newest(c)
    both = list(made.approvals.filter(seats__label="conflict").order_by("pk"))
    for record in both:
        scenarios.approve(record, c.people.omar, now=c.now)
    assert (
        made.approvals.filter(stage=2, state=ApprovalState.OPEN)
        .exclude(pk__in=[approval.pk for approval in both])
        .exists()
    )
    return made, both


WITH_ONE_UNDECIDED = starting_point(IN_STAGE_2, with_one_undecided)


@pytest.mark.rule("A8")
@IN_STAGE_2
def test_extra_approval_stays_after_later_decisions(plain: Company, start: Submission) -> None:
    n, made = plain.people, start
    first, second = made.approvals.filter(seats__label="conflict").order_by("pk")
    scenarios.approve(first, n.sana, now=plain.now, reason=WHY)
    second.refresh_from_db()
    scenarios.approve(second, n.omar, now=plain.now)
    with pytest.raises(DutyConflict) as error:
        undo(first, n.sana, plain.now)
    assert error.value.refusal.code == "A8"
    assert (
        error.value.refusal.sentence
        == "Somebody decided after you on another approval in this conflict. Your extra approval stands."
    )
    assert not Retraction.objects.exists()
    assert ConflictSignature.objects.standing().count() == 1


@pytest.mark.rule("A8")
@pytest.mark.parametrize("which", [0, 1])
@WITH_ONE_UNDECIDED
def test_undo_takes_back_the_extra_approval_with_all_that_it_covered(
    plain: Company, start: tuple[Submission, list[Approval]], which: int
) -> None:
    n = plain.people
    made, both = start
    signed(plain, made)
    assert ConflictSignature.objects.standing().count() == 1
    undo(both[which], n.sana, plain.now)
    for record in both:
        record.refresh_from_db()
        assert record.state == ApprovalState.OPEN
    assert Retraction.objects.filter(person=n.sana).count() == 2
    assert not ConflictSignature.objects.standing().exists()
    assert Decision.objects.standing().filter(person=n.omar).count() == 2, "the owner's decisions stand"
    assert "Needs one more approval, from Security." in read(plain, "rita", reverse("review", args=[made.pk]))
    scenarios.approve(both[which], n.viktor, now=plain.now, reason=WHY)
    assert ConflictSignature.objects.standing().get().person == n.viktor


@WITH_ONE_UNDECIDED
def test_signed_conflict_is_named_on_the_timeline_and_offers_no_waiver(
    plain: Company, start: tuple[Submission, list[Approval]]
) -> None:
    made, _ = start
    path = reverse("review", args=[made.pk])
    assert "Ask for a waiver" in read(plain, "rita", path)
    signed(plain, made)
    page = read(plain, "rita", path)
    assert "Signed by Sana Iqbal on" in page
    assert "Ask for a waiver" not in page
    text = re.sub("<[^>]+>", " ", read(plain, "rita", reverse("review_timeline", args=[made.pk])))
    assert re.search("Sana Iqbal +gave the extra approval for the conflict “Read stock and tell of it”", text)


@SIGNED
def test_automation_says_that_its_conflict_is_signed(plain: Company, start: Submission) -> None:
    made = start
    conflict_jobs.scan_all(plain.now, Actor.of_job(conflict_jobs.JOB))
    line = conflict_rows.line(made.automation, as_actor(plain.people.rita), plain.now)
    assert line is not None
    assert (line["lead"], line["text"]) == ("It has a part in 1 conflict.", "Security signed it.")
