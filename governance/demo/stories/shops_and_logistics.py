"""More stories of Supply Engineering: renewed, overdue, retired, on trial, withdrawn."""

from __future__ import annotations

from datetime import timedelta

from approvals.decisions.transitions import comment
from approvals.submissions.transitions import withdraw
from governance.demo.company.cast import Cast
from governance.demo.stories.playback import Ago, Story
from governance.demo.stories.scenes import MINUTES, SOON, approve_rest, submit_export
from governance.recertification.models import AnswerKind
from inventory.automations.transitions import lifecycle
from inventory.credentials import transitions as credential_transitions
from inventory.models import Credential, Lifetime


def stock_question_agent(d: Cast) -> Story:
    """Live with three grants: one renewed, one ended after its review, one revoked yesterday."""
    submission = yield from submit_export(d, "stock-question-agent.mcp.json", 60, "09:05")
    d.now = yield Ago(58, "10:20")
    d.approve(submission, "lena", "On the copy that only reads, by our own planners.")
    d.now = yield Ago(56, "10:00")
    yield from approve_rest(d, submission)
    automation = submission.automation
    d.now = yield Ago(42, "10:15")
    why, ends_on = "Nobody asked for a picture in two weeks. It may end on its date.", d.now + timedelta(days=16)
    d.review(automation, "product-photos", "piet", why, ends_on=ends_on.date())
    d.now = yield Ago(41, "09:30")
    d.review(automation, "product-photos", "grace", "The press may see them all. As you like.")
    d.now = yield Ago(12, "09:30")
    d.review(automation, "stock-db", "piet", "Forty questions a week; the planners would miss it.")
    d.now = yield Ago(10, "14:15")
    d.review(automation, "stock-db", "omar", "The copy is read, the primary is left alone. Fine.")
    d.now = yield Ago(1, "15:30")
    why = "It never needed one: wrong counts go to the warehouse by phone."
    d.review(automation, "runbooks/read_runbook", "piet", why, answer=AnswerKind.REVOKE)


def delivery_route_planner(d: Cast) -> Story:
    """Live with an overdue review: neither owner has answered, so the next reviewers are asked."""
    submission = yield from submit_export(d, "delivery-route-planner.json", 60, "14:30")
    d.now = yield Ago(58, "11:00")
    d.approve(submission, "lena", "The dispatcher still sends the trucks out.")
    d.now = yield Ago(56, "10:30")
    yield from approve_rest(d, submission)


def price_tag_printer(d: Cast) -> Story:
    """Retired by its owner during a review: its grants ended, the access was removed, and two people checked."""
    submission = yield from submit_export(d, "price-tag-printer.json", 96, "11:15")
    d.now = yield Ago(94, "09:10")
    d.approve(submission, "lena", "Until the electronic labels are there.")
    d.now = yield Ago(92, "13:40")
    yield from approve_rest(d, submission)
    d.now = yield Ago(5, "17:00")
    why = "All shops have electronic labels since Monday; nothing is printed any more."
    lifecycle.retire(submission.automation, **d.by("piet", why))
    d.now = yield Ago(4, "10:30")
    d.confirm_removal(submission.automation, "The account is deleted; the label service answers 401 to it since.")
    d.now = yield Ago(4, "15:20")
    d.confirm_removal(submission.automation, "Tried it from the jump host: refused.", "sana")


def stock_forecast_trial(d: Cast) -> Story:
    """A low-risk trial in test with a fully described credential.

    Policy did not approve it, because the resource's owner objected and was asked instead.
    """
    d.now = yield Ago(68, "15:00")
    version = d.bring_in("stock-forecast-trial.json")
    d.now = yield SOON
    yield from _describe_credential(d, version.version_credentials.get().credential)
    d.now = yield SOON
    submission = d.submit(version, "stock-forecast-trial.json")
    d.now = yield Ago(67, "16:15")
    why = "The copy is made anew each month: eight weeks are not in it before the tenth."
    comment.object_to(d.approval(submission, "Read movements"), **d.by("omar", why))
    d.now = yield Ago(66, "10:40")
    d.approve(submission, "lena", "A trial on test data is how this should begin.")
    d.now = yield Ago(65, "14:50")
    yield from approve_rest(d, submission)


def _describe_credential(d: Cast, credential: Credential) -> Story:
    """Omar describes a credential with its store and reach; Amara confirms the store."""
    vault, owner = d.resources["vault"], d.people["omar"]
    ages = {"issued_at": d.now - timedelta(days=300), "rotated_at": d.now - timedelta(days=40)}
    due = {"rotation_due_on": (d.now + timedelta(days=85)).date(), "owner": owner}
    fields = {"lifetime": Lifetime.LONG, **ages, **due}
    credential_transitions.describe_credential(credential, **d.by(owner), fields=fields)
    d.now = yield MINUTES
    credential_transitions.claim_store(credential, **d.by(owner), store=vault)
    d.now = yield Ago(67, "09:25")
    credential_transitions.confirm_store(credential, **d.by("amara"), store=vault.pk)
    d.now = yield MINUTES
    codes = list(d.resources["erp_test"].entitlements.values_list("code", flat=True))
    credential_transitions.declare_reach(credential, **d.by(owner), codes=codes)


def stock_forecast(d: Cast) -> Story:
    """The trial, promoted to production with the production database: before stage 1."""
    yield from submit_export(d, "stock-forecast.json", 2, "11:05")


def reorder_proposals(d: Cast) -> Story:
    """Registered by form without an export, and withdrawn by its submitter."""
    d.now = yield Ago(21, "10:05")
    version = d.describe("Reorder proposals")
    d.now = yield SOON
    submission = d.submit(version, "Reorder proposals")
    d.now = yield Ago(19, "16:45")
    text = "Why a laptop, when the trial of the forecast runs in the test environment?"
    comment.comment(submission, **d.by("lena", text))
    d.now = yield Ago(18, "09:30")
    why = "Lena is right: it comes back as a part of the forecast, with that one's data."
    withdraw.withdraw(submission, **d.by("piet", why))


STORIES = (
    stock_question_agent,
    delivery_route_planner,
    price_tag_printer,
    stock_forecast_trial,
    stock_forecast,
    reorder_proposals,
)
