"""Stories of Marketing and People: rejected, before stage 1, suspended by silence, without an owner, declined."""

from __future__ import annotations

from approvals.decisions.transitions import comment
from approvals.models import Proposal
from approvals.proposals import transitions as proposal_transitions
from approvals.submissions.transitions import withdraw
from approvals.waivers import transitions as waiver_transitions
from governance.demo.company.cast import Cast
from governance.demo.stories.playback import Ago, Story
from governance.demo.stories.scenes import MINUTES, SOON, approve_rest, submit_export
from inventory.models import Automation
from inventory.ownership import transitions as ownership_transitions


def campaign_copy_agent(d: Cast) -> Story:
    """Rejected in stage 1, so nobody had to decide its privileges; the comments help the next attempt."""
    submission = yield from submit_export(d, "campaign-copy-agent.mcp.json", 30, "14:05")
    d.now = yield Ago(29, "10:20")
    comment.comment(submission, **d.by("sana", "Who reads a mail before it goes to 40,000 people?"))
    d.now = yield Ago(28, "16:00")
    comment.comment(submission, **d.by("tom", "I look at the first one of each campaign."))
    d.now = yield Ago(27, "11:15")
    why = "Writing: yes. Sending without a person: no. Come back with drafts only, and without the old newsletter."
    d.reject(submission, "grace", why)


def newsletter_writer(d: Cast) -> Story:
    """Rejected a month ago under another name, now submitted with one privilege less: maybe the same."""
    yield from submit_export(d, "newsletter-writer.mcp.json", 1, "16:20")


def leave_request_helper(d: Cast) -> Story:
    """In review: imported by the team's lead, so another person decides; security has commented."""
    submission = yield from submit_export(d, "leave-request-helper.json", 4, "10:40")
    d.now = yield Ago(2, "15:25")
    why = "Signed in people only, and it hands over instead of deciding. The privileges deserve a close look."
    comment.comment(submission, **d.by("sana", why))
    d.now = yield Ago(1, "14:20")
    why = "People write to it in their own words, and without the last few of these it would ask everything twice."
    waiver_transitions.ask_waiver(
        submission.automation,
        **d.by("nadia", why),
        code="untrusted-and-memory",
        subject_id=submission.automation_id,
        control="Conversations are kept for a day and per person; nothing of one is read in another's.",
        days=45,
    )


def voucher_mailer(d: Cast) -> Story:
    """High risk, approved by owner and security; without answers in its review, suspended and ended."""
    submission = yield from submit_export(d, "voucher-mailer.json", 80, "10:15")
    d.now = yield Ago(78, "09:45")
    why = "Ten per cent, once a customer and quarter: that is our budget. I want to be asked again after two months."
    d.approve(submission, "grace", why, term_days=60)
    d.now = yield Ago(75, "11:20")
    yield from approve_rest(d, submission, "The segment is fixed, and the service counts: nobody gets two.")


def web_analytics_digest(d: Cast) -> Story:
    """Live with an interim owner after its owner left. Its resource has no owner yet."""
    submission = yield from submit_export(d, "web-analytics-digest.json", 50, "11:45")
    d.now = yield Ago(49, "15:20")
    d.approve(submission, "grace")
    d.now = yield Ago(47, "10:35")
    yield from approve_rest(d, submission)
    yield from _owner_leaves(d, submission.automation)


def _owner_leaves(d: Cast, automation: Automation) -> Story:
    """The owner leaves: the automation gets an interim owner, the resource not yet."""
    analytics, hugo = d.resources["analytics"], d.people["hugo"]
    d.now = yield Ago(9, "17:00")
    row = Proposal(kind="leaving", target=str(hugo.pk))
    ines = d.by("ines", "Left for another company.")
    proposal = proposal_transitions.propose(row, **ines, document={"left": True}, at_once=True)
    d.now = yield SOON
    proposal_transitions.approve(proposal, **d.by("karl"), shown_digest=proposal.digest)
    hugo.refresh_from_db()
    d.now = yield Ago(8, "09:20")
    named = d.name_interim(automation, "tom", "grace", "Tom brought it in and knows the dashboard.")
    d.now = yield MINUTES
    first = d.name_interim(analytics, "tom", "grace", "For the time being; Tom reads it most.")
    d.now = yield Ago(7, "11:10")
    ownership_transitions.confirm_interim(named, **d.by("sana"))
    d.now = yield Ago(7, "13:30")
    ownership_transitions.drop_interim(first, **d.by("tom", "I only look at it; I could not say who may read it."))
    d.now = yield Ago(6, "10:00")
    d.name_interim(analytics, "elif", "grace", "Elif runs the machine on which it stands.")


def salary_question_helper(d: Cast) -> Story:
    """One privilege approved and one refused; its owner declined."""
    submission = yield from submit_export(d, "salary-question-helper.mcp.json", 41, "09:35")
    d.now = yield Ago(39, "14:10")
    d.approve(submission, "nadia", "We answer the same ten questions at the end of each month.")
    d.now = yield Ago(38, "10:50")
    comment.comment(
        submission, **d.by("sana", "As an app, yes. Whether a model may read payslips is Jonas's question.")
    )
    d.now = yield Ago(36, "09:40")
    d.approve(submission, "amara", at="company-wiki/search_pages")
    d.now = yield Ago(35, "13:15")
    why = "It would read anybody's payslip, not the asker's. Come back when payroll can tell who is asking."
    d.reject(submission, "jonas", why, at="payroll/get_payslip")
    d.now = yield Ago(33, "15:30")
    why = "Without the payslip it can only repeat the wiki. We wait for payroll."
    withdraw.decline(submission, **d.by("clara", why))


STORIES = (
    campaign_copy_agent,
    newsletter_writer,
    leave_request_helper,
    voucher_mailer,
    web_analytics_digest,
    salary_question_helper,
)
