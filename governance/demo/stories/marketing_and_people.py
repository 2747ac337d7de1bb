"""Stories of Marketing and People: rejected, before stage 1, suspended by silence, without an owner, declined."""

from __future__ import annotations

from datetime import timedelta

from approvals.models import Proposal
from approvals.proposals import transitions as proposal_transitions
from approvals.waivers import transitions as waiver_transitions
from governance.demo.stories.director import Director
from governance.demo.stories.playback import Ago, Story
from inventory.models import Version
from inventory.ownership import transitions as ownership_transitions

SOON = timedelta(minutes=30)
MINUTES = timedelta(minutes=6)


def campaign_copy_agent(d: Director) -> Story:
    """Rejected in stage 1, so nobody had to decide its privileges; the comments help the next attempt."""
    now = yield Ago(30, "14:05")
    version = d.bring_in(
        "marketing",
        "tom",
        "campaign-copy-agent.mcp.json",
        now,
        name="Campaign copy agent",
        purpose="Writes campaign mails in our tone of voice and sends them to the right segment.",
        business_owner="tom",
        technical_owner="mei",
        escalation_contact="marketing@northwind.example",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "tom",
        now,
        {
            "brand-library": "It needs our claims and our tone of voice to write like us.",
            "campaign-mail/list_segments": "It picks the segment that fits the campaign.",
            "campaign-mail/create_draft": "It puts what it wrote where the campaign is prepared.",
            "campaign-mail/send_campaign": "It sends when the draft is good, so that nobody has to wait for me.",
            "product-photos": "Mails with a picture are read twice as often.",
            "old-newsletter": "The old list is still in the file; it is switched off.",
        },
    )
    now = yield Ago(29, "10:20")
    d.say(submission, "sana", now, "Who reads a mail before it goes to 40,000 people?")
    now = yield Ago(28, "16:00")
    d.say(submission, "tom", now, "I look at the first one of each campaign.")
    now = yield Ago(27, "11:15")
    d.reject(
        d.app(submission),
        "grace",
        now,
        "Writing: yes. Sending without a person: no. Come back with drafts only, and without the old newsletter.",
    )


def newsletter_writer(d: Director) -> Story:
    """Rejected a month ago under another name, now submitted with one privilege less: maybe the same."""
    now = yield Ago(1, "16:20")
    version = d.bring_in(
        "marketing",
        "tom",
        "newsletter-writer.mcp.json",
        now,
        name="Newsletter writer",
        purpose="Writes the monthly newsletter and sends it to whom it concerns.",
        business_owner="tom",
        technical_owner="mei",
        escalation_contact="marketing@northwind.example",
    )
    now = yield SOON
    d.submit(
        version,
        "tom",
        now,
        {
            "brand-library": "A newsletter sounds like us.",
            "campaign-mail/list_segments": "Not everybody gets every newsletter.",
            "campaign-mail/create_draft": "It is prepared where campaigns are.",
            "campaign-mail/send_campaign": "It goes out on the first of the month, also when that is a Sunday.",
            "product-photos": "Each has three pictures.",
        },
    )


def leave_request_helper(d: Director) -> Story:
    """In review: imported by the team's lead, so another person decides; security has approved."""
    now = yield Ago(4, "10:40")
    version = d.bring_in(
        "people_team",
        "nadia",
        "leave-request-helper.json",
        now,
        purpose="Answers questions about leave, looks up a person's balance and hands over their request.",
        business_owner="nadia",
        technical_owner="mei",
        escalation_contact="people@northwind.example",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "nadia",
        now,
        {
            "Helper model": "People ask in their own words, in four languages.",
            "Conversation": "It must remember what was said a minute ago; conversations are deleted after a day.",
            "Leave balance": "The commonest question is how many days are left.",
            "Team calendar": "It says who else is away, so that two of a shift do not ask for the same week.",
            "Hand over request": "The request itself goes the way that it always went.",
        },
    )
    now = yield Ago(2, "15:25")
    d.approve(
        d.app(submission),
        "sana",
        now,
        "Signed in people only, and it hands over instead of deciding. The privileges deserve a close look.",
    )
    automation = submission.automation
    now = yield Ago(1, "14:20")
    waiver_transitions.ask_waiver(
        automation,
        actor=d.company.actor("nadia"),
        now=now,
        reason="People write to it in their own words, and without the last few of these it would ask everything twice.",
        code="untrusted-and-memory",
        subject_id=automation.pk,
        control="Conversations are kept for a day and per person; nothing of one is read in another's.",
        days=45,
    )


def voucher_mailer(d: Director) -> Story:
    """High risk, approved by two people in each stage; without answers in its review, suspended and ended."""
    now = yield Ago(80, "10:15")
    version = d.bring_in(
        "marketing",
        "tom",
        "voucher-mailer.json",
        now,
        purpose="Sends a voucher to customers who have not ordered for two months.",
        business_owner="tom",
        technical_owner="mei",
        escalation_contact="marketing@northwind.example",
    )
    now = yield SOON
    submission = d.submit(
        version, "tom", now, {"Send vouchers": "The voucher service writes the mail and counts what was used."}
    )
    now = yield Ago(78, "09:45")
    d.approve(d.app(submission), "grace", now, "Ten per cent, once a customer and quarter: that is our budget.")
    now = yield Ago(77, "16:30")
    d.approve(
        d.app(submission),
        "viktor",
        now,
        "Mail to customers without a person in between: yes, and I want to be asked again after two months.",
        term_days=60,
    )
    now = yield Ago(75, "11:20")
    yield from d.approve_rest(submission, now, "The segment is fixed, and the service counts: nobody gets two.")


def web_analytics_digest(d: Director) -> Story:
    """Live with an interim owner after its owner left. Its resource has no owner yet."""
    now = yield Ago(50, "11:45")
    version = d.bring_in(
        "marketing",
        "tom",
        "web-analytics-digest.json",
        now,
        purpose="Shows on marketing's dashboard which ten pages of the shop were read most this week.",
        business_owner="hugo",
        escalation_contact="marketing@northwind.example",
    )
    now = yield SOON
    submission = d.submit(version, "tom", now, {"Sessions of the week": "Counts by page, of nobody in particular."})
    now = yield Ago(49, "15:20")
    d.approve(d.app(submission), "grace", now)
    now = yield Ago(47, "10:35")
    yield from d.approve_rest(submission, now, "")
    yield from _owner_leaves(d, version)


def _owner_leaves(d: Director, version: Version) -> Story:
    """The owner leaves: the automation gets an interim owner, the resource not yet."""
    automation, analytics = version.automation, d.resource("analytics")
    now = yield Ago(9, "17:00")
    row = Proposal(kind="leaving", target=str(d.person("hugo").pk))
    why, ines = "Left for another company.", d.company.actor("ines")
    proposal = proposal_transitions.propose(row, actor=ines, now=now, reason=why, document={"left": True}, at_once=True)
    now = yield SOON
    proposal_transitions.approve(proposal, actor=d.company.actor("karl"), now=now, shown_digest=proposal.digest)
    d.person("hugo").refresh_from_db()
    now = yield Ago(8, "09:20")
    named = d.name_meanwhile(automation, "tom", "grace", now, "Tom brought it in and knows the dashboard.")
    now = yield MINUTES
    first = d.name_meanwhile(analytics, "tom", "grace", now, "For the time being; Tom reads it most.")
    now = yield Ago(7, "11:10")
    ownership_transitions.confirm_interim(named, actor=d.company.actor("sana"), now=now)
    now = yield Ago(7, "13:30")
    ownership_transitions.drop_interim(
        first, actor=d.company.actor("tom"), now=now, reason="I only look at it; I could not say who may read it."
    )
    now = yield Ago(6, "10:00")
    d.name_meanwhile(analytics, "elif", "grace", now, "Elif runs the machine on which it stands.")


def salary_question_helper(d: Director) -> Story:
    """One privilege approved and one refused; its owner declined."""
    now = yield Ago(41, "09:35")
    version = d.bring_in(
        "people_team",
        "clara",
        "salary-question-helper.mcp.json",
        now,
        name="Salary question helper",
        purpose="Explains to people what is on their payslip.",
        business_owner="clara",
        technical_owner="mei",
        escalation_contact="people@northwind.example",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "clara",
        now,
        {
            "company-wiki/search_pages": "What each line means is written there.",
            "payroll/get_payslip": "It has to see the line that somebody asks about.",
        },
    )
    now = yield Ago(39, "14:10")
    d.approve(d.app(submission), "nadia", now, "We answer the same ten questions at the end of each month.")
    now = yield Ago(38, "10:50")
    d.approve(d.app(submission), "sana", now, "As an app, yes. Whether a model may read payslips is Jonas's question.")
    now = yield Ago(36, "09:40")
    d.approve(d.privilege(submission, "company-wiki/search_pages"), "amara", now)
    now = yield Ago(35, "13:15")
    d.reject(
        d.privilege(submission, "payroll/get_payslip"),
        "jonas",
        now,
        "It would read anybody's payslip, not the asker's. Come back when payroll can tell who is asking.",
    )
    now = yield Ago(33, "15:30")
    d.decline(submission, "clara", now, "Without the payslip it can only repeat the wiki. We wait for payroll.")
