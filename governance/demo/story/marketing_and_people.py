"""Marketing's agent, which was rejected as an app, and the People team's helper, which is before stage 1."""

from __future__ import annotations

from datetime import timedelta

from governance.demo.directing import Director
from governance.demo.playing import Ago, Story

SOON = timedelta(minutes=30)


def campaign_copy_agent(d: Director) -> Story:
    """Rejected in stage 1, so that nobody had to judge what it wanted to touch; what was said stays for the next attempt."""
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


def leave_request_helper(d: Director) -> Story:
    """In review: the team's lead brought it in herself, so that somebody else signs for her; security has signed already."""
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
