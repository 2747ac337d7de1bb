"""Stories of Platform Engineering and IT Operations: two with one identity, one expired, one auto-approved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from approvals.grants.transitions import lifecycle
from approvals.waivers import transitions as waiver_transitions
from governance.demo.stories.director import Director
from governance.demo.stories.playback import Ago, Story
from inventory.models import Environment, Level
from inventory.resources.transitions import incidents

SOON = timedelta(minutes=20)


def rates_on_the_intranet(d: Director) -> Story:
    """Auto-approved, registered by form, live for months: Mei decided the app, policy the rest."""
    now = yield Ago(104, "09:40")
    rates = d.offer("rates", "mei", now, code="rates:read", words="May read the day's rates", level=Level.READ)
    now = yield SOON
    version = d.describe(
        "it_ops",
        "elif",
        "Rates on the intranet",
        rates,
        now,
        platform="script on the intranet's server",
        purpose="Shows today's exchange rates on the intranet's front page.",
        business_owner="elif",
        escalation_contact="Service desk",
    )
    now = yield SOON
    submission = d.submit(version, "elif", now, {rates.words: "Sales asks for them by mail every morning."})
    now = yield Ago(103, "10:10")
    d.approve(d.app(submission), "mei", now)


def incident_scribe(d: Director) -> Story:
    """An agent with its own identity in the wiki; on-call stopped one of its grants, the other continues."""
    now = yield Ago(80, "13:20")
    version = d.bring_in(
        "platform",
        "arjun",
        "incident-scribe.mcp.json",
        now,
        name="Incident scribe",
        purpose="Finds what was written about an earlier incident while one is running, and says where it stands.",
        business_owner="arjun",
        escalation_contact="On call, #incidents",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "arjun",
        now,
        {
            "company-wiki/search_pages": "What happened last time is in the wiki, and nobody finds it at night.",
            "runbooks/read_runbook": "It quotes the step that comes next instead of retelling it.",
        },
    )
    now = yield Ago(79, "09:15")
    d.approve(d.app(submission), "amara", now, "It only reads. Whoever is on call still decides.")
    now = yield Ago(77, "14:00")
    yield from d.approve_rest(submission, now, "")
    now = yield Ago(12, "02:40")
    lifecycle.stop(
        d.held(version.automation, "runbooks/read_runbook"),
        actor=d.company.actor("mei"),
        now=now,
        reason="It quoted the recovery codes of the old router into a channel with guests. Off until those are gone.",
    )


def incident_in_the_sandbox(d: Director) -> Story:
    """A finished incident on a sandbox without grants, so it opened no review."""
    now = yield Ago(15, "21:40")
    declared: Any = incidents.declare_incident(
        d.resource("sandbox"),
        actor=d.company.actor("amara"),
        now=now,
        reason="A dump of it lay in a public bucket for an hour. Nobody's data, and whatever is in it was made up; looking anyway.",
        reference="INC-2041",
        until=now + timedelta(days=3),
    )
    now = yield Ago(14, "11:20")
    incidents.end_incident(
        declared,
        actor=d.company.actor("sana"),
        now=now,
        reason="The bucket is closed, its log shows our own scanner and nobody else.",
    )


def shift_handover_agent(d: Director) -> Story:
    """A trial before stage 1 that shares the incident scribe's identity under a waiver of three weeks."""
    now = yield Ago(3, "16:20")
    version = d.bring_in(
        "it_ops",
        "elif",
        "shift-handover-agent.mcp.json",
        now,
        name="Shift handover agent",
        environment=Environment.TEST,
        purpose="Sums up for the next shift what changed in the wiki since yesterday.",
        business_owner="elif",
        escalation_contact="Service desk",
    )
    now = yield SOON
    waiver: Any = waiver_transitions.ask_waiver(
        version.automation,
        actor=d.company.actor("elif"),
        now=now,
        reason="The wiki gives out one service account a quarter, and the next one is for this.",
        code="shared-identity",
        subject_id=version.version_identities.get().identity_id,
        control="Both only read there, and the wiki's log names the program that asks beside the account.",
        days=21,
    )
    now = yield SOON
    waiver_transitions.grant_waiver(
        waiver,
        actor=d.company.actor("sana"),
        now=now,
        reason="On trial, read only, and until its own account is there.",
    )
    now = yield SOON
    d.submit(
        version,
        "elif",
        now,
        {
            "company-wiki/search_pages": "It looks up the page that a change belongs to.",
            "company-wiki/list_recent_changes": "The summary is about what is new.",
        },
    )


def alert_deduplicator(d: Director) -> Story:
    """Expired twice: nobody decided about the service desk, and then nobody accepted the rest."""
    now = yield Ago(46, "10:30")
    version = d.bring_in(
        "platform",
        "arjun",
        "alert-deduplicator.json",
        now,
        purpose="Opens one ticket an hour for an alert that fires every minute.",
        business_owner="arjun",
        escalation_contact="#platform",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "arjun",
        now,
        {
            "Read alerts": "It has to see what is firing.",
            "Open ticket": "The service desk wants one ticket, not sixty.",
        },
    )
    now = yield Ago(45, "09:50")
    d.approve(d.app(submission), "amara", now, "Sixty mails an hour are the same as none.")
    now = yield Ago(44, "15:10")
    d.approve(d.privilege(submission, "Read alerts"), "omar", now)
