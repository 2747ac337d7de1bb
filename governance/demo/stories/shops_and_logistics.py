"""More stories of Supply Engineering: renewed, overdue, retired, on trial, withdrawn."""

from __future__ import annotations

from datetime import timedelta

from approvals.submissions.transitions.submit import ItemRequest
from governance.demo.stories.director import Director
from governance.demo.stories.playback import Ago, Story
from governance.recertification.models import AnswerKind
from inventory.automations.transitions import lifecycle
from inventory.credentials import transitions as credential_transitions
from inventory.models import Environment, Level, Lifetime

SOON = timedelta(minutes=30)
MINUTES = timedelta(minutes=5)


#: Justifications of the stock question agent, with terms in days.
STOCK_WHY = {
    "stock-db": ItemRequest("Planners ask what no report answers: where did 40 pallets of rice go?", 60),
    "product-photos": ItemRequest("For a month, to see whether pictures help at all.", 30),
    "runbooks/read_runbook": ItemRequest("It says what to do when a count is wrong.", 72),
}


def stock_question_agent(d: Director) -> Story:
    """Live with three grants: one renewed, one ended after its review, one revoked yesterday."""
    now = yield Ago(60, "09:05")
    version = d.bring_in(
        "supply",
        "piet",
        "stock-question-agent.mcp.json",
        now,
        name="Stock question agent",
        purpose="Answers planners' questions about stock in plain words, from the read-only copy.",
        business_owner="piet",
        escalation_contact="#supply-stock",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "piet",
        now,
        STOCK_WHY,
    )
    now = yield Ago(58, "10:20")
    d.approve(d.app(submission), "lena", now, "On the copy that only reads, by our own planners.")
    now = yield Ago(56, "10:00")
    yield from d.approve_rest(submission, now, "")
    now = yield Ago(42, "10:15")
    photos = "Nobody asked for a picture in two weeks. It may end on its date."
    d.review(version.automation, "product-photos", "piet", now, photos, ends_on=(now + timedelta(days=16)).date())
    now = yield Ago(41, "09:30")
    d.review(version.automation, "product-photos", "grace", now, "The press may see them all. As you like.")
    now = yield Ago(12, "09:30")
    d.review(version.automation, "stock-db", "piet", now, "Forty questions a week; the planners would miss it.")
    now = yield Ago(10, "14:15")
    d.review(version.automation, "stock-db", "omar", now, "The copy is read, the primary is left alone. Fine.")
    now = yield Ago(1, "15:30")
    d.review(
        version.automation,
        "runbooks/read_runbook",
        "piet",
        now,
        "It never needed one: wrong counts go to the warehouse by phone.",
        AnswerKind.REVOKE,
    )


def delivery_route_planner(d: Director) -> Story:
    """Live with an overdue review: neither owner has answered, so the next reviewers are asked."""
    now = yield Ago(60, "14:30")
    version = d.bring_in(
        "supply",
        "piet",
        "delivery-route-planner.json",
        now,
        purpose="Has tomorrow's rounds planned in the evening, so that drivers find them on their phone at five.",
        business_owner="piet",
        escalation_contact="Operations desk, +31 20 555 0100",
    )
    now = yield SOON
    submission = d.submit(
        version, "piet", now, {"Plan routes": ItemRequest("A plan made by hand takes two hours and is worse.", 60)}
    )
    now = yield Ago(58, "11:00")
    d.approve(d.app(submission), "lena", now, "The dispatcher still sends the trucks out.")
    now = yield Ago(56, "10:30")
    yield from d.approve_rest(submission, now, "")


def price_tag_printer(d: Director) -> Story:
    """Retired by its owner during a review: its grants ended, the access was removed, and two people checked."""
    now = yield Ago(96, "11:15")
    version = d.bring_in(
        "supply",
        "piet",
        "price-tag-printer.json",
        now,
        purpose="Prints new shelf labels at night for what changed its price.",
        business_owner="piet",
        escalation_contact="#shops",
    )
    now = yield SOON
    submission = d.submit(
        version, "piet", now, {"Print labels": ItemRequest("Shops print some two hundred labels a night by hand.", 100)}
    )
    now = yield Ago(94, "09:10")
    d.approve(d.app(submission), "lena", now, "Until the electronic labels are there.")
    now = yield Ago(92, "13:40")
    yield from d.approve_rest(submission, now, "")
    now = yield Ago(5, "17:00")
    lifecycle.retire(
        version.automation,
        actor=d.company.actor("piet"),
        now=now,
        reason="All shops have electronic labels since Monday; nothing is printed any more.",
    )
    now = yield Ago(4, "10:30")
    d.taken_away(version.automation, "", now, "The account is deleted; the label service answers 401 to it since.")
    now = yield Ago(4, "15:20")
    d.taken_away(version.automation, "sana", now, "Tried it from the jump host: refused.")


def stock_forecast_trial(d: Director) -> Story:
    """A low-risk trial in test with a fully described credential.

    Policy did not approve it, because the resource's owner objected and was asked instead.
    """
    now = yield Ago(68, "15:00")
    version = d.bring_in(
        "supply",
        "piet",
        "stock-forecast-trial.json",
        now,
        environment=Environment.TEST,
        purpose="Tries whether eight weeks of movements say what the ninth will need.",
        business_owner="piet",
        escalation_contact="#supply-stock",
    )
    credential = version.version_credentials.get().credential
    now = yield SOON
    facts = {"lifetime": Lifetime.LONG, "issued_at": now - timedelta(days=300), "rotated_at": now - timedelta(days=40)}
    due = {"rotation_due_on": (now + timedelta(days=85)).date(), "owner": d.person("omar")}
    credential_transitions.describe_credential(credential, actor=d.company.actor("omar"), now=now, fields=facts | due)
    now = yield MINUTES
    vault = d.resource("vault")
    credential_transitions.claim_store(credential, actor=d.company.actor("omar"), now=now, store=vault)
    now = yield Ago(67, "09:25")
    credential_transitions.confirm_store(credential, actor=d.company.actor("amara"), now=now, store=vault.pk)
    now = yield MINUTES
    codes = list(d.resource("erp_test").entitlements.values_list("code", flat=True))
    credential_transitions.declare_reach(credential, actor=d.company.actor("omar"), now=now, codes=codes)
    now = yield SOON
    submission = d.submit(
        version, "piet", now, {"Read movements": "Three columns of one table, in the copy without names."}
    )
    now = yield Ago(67, "16:15")
    objection = "The copy is made anew each month: eight weeks are not in it before the tenth."
    d.object_to(d.privilege(submission, "Read movements"), "omar", now, objection)
    now = yield Ago(66, "10:40")
    d.approve(d.app(submission), "lena", now, "A trial on test data is how this should begin.")
    now = yield Ago(65, "14:50")
    yield from d.approve_rest(submission, now, "")


def stock_forecast(d: Director) -> Story:
    """The trial, promoted to production with the production database: before stage 1."""
    now = yield Ago(2, "11:05")
    version = d.bring_in(
        "supply",
        "piet",
        "stock-forecast.json",
        now,
        environment=Environment.PRODUCTION,
        purpose="Says every Friday what each site will need the week after next, from eight weeks of movements.",
        business_owner="piet",
        technical_owner="omar",
        escalation_contact="#supply-stock",
    )
    now = yield SOON
    d.submit(
        version,
        "piet",
        now,
        {"Read movements": "The trial was right for 44 articles of 50; the copy has only last month."},
    )


def reorder_proposals(d: Director) -> Story:
    """Registered by form without an export, and withdrawn by its submitter."""
    now = yield Ago(21, "10:05")
    sandbox = d.offer("sandbox", "amara", now, code="orders:write", words="May add made-up orders", level=Level.WRITE)
    now = yield SOON
    version = d.describe(
        "supply",
        "piet",
        "Reorder proposals",
        sandbox,
        now,
        platform="cron on a laptop",
        environment=Environment.DEVELOPMENT,
        purpose="Proposes what to reorder, on made-up orders, to see whether planners would agree.",
        business_owner="piet",
    )
    now = yield SOON
    submission = d.submit(version, "piet", now, {sandbox.words: "It adds orders as if planners had agreed."})
    now = yield Ago(19, "16:45")
    d.say(submission, "lena", now, "Why a laptop, when the trial of the forecast runs in the test environment?")
    now = yield Ago(18, "09:30")
    d.withdraw(submission, "piet", now, "Lena is right: it comes back as a part of the forecast, with that one's data.")
