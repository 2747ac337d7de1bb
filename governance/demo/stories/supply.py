"""Stories of Supply Engineering: one due for review, one stopped, one incomplete draft."""

from __future__ import annotations

from datetime import timedelta

from governance.demo.stories.director import Director
from governance.demo.stories.playback import Ago, Story
from inventory.automations.transitions import lifecycle

SOON = timedelta(minutes=25)


def weekly_stock_report(d: Director) -> Story:
    """Live for almost half a year with two privileges under review: one owner has answered, the other has not."""
    now = yield Ago(171, "09:10")
    version = d.bring_in(
        "supply",
        "piet",
        "weekly-stock-report.json",
        now,
        purpose="Tells supply planners every Monday which articles of warehouse AMS-1 are below their reorder level.",
        business_owner="piet",
        escalation_contact="#supply-stock",
    )
    now = yield SOON
    submission = d.submit(
        version,
        "piet",
        now,
        {
            "Read stock": "The report is about stock; it reads four columns of one table.",
            "Post report": "Planners read the report in #supply-stock; nobody opens a dashboard on a Monday morning.",
        },
    )
    now = yield Ago(170, "10:05")
    d.approve(d.app(submission), "lena", now, "Replaces the spreadsheet that Piet sent around by hand.")
    now = yield Ago(166, "14:20")
    d.approve(d.privilege(submission, "Read stock"), "omar", now)
    now = yield timedelta(minutes=3)
    d.approve(d.credential(submission, "ERP Postgres (production)"), "omar", now)
    now = yield timedelta(minutes=4)
    d.approve(
        d.privilege(submission, "Post report"),
        "omar",
        now,
        "Shorter than asked: the supply channels move to a workspace of their own this year.",
        term_days=177,
    )
    now = yield timedelta(minutes=2)
    d.approve(d.credential(submission, "Finance Slack workspace"), "omar", now)
    now = yield Ago(4, "10:30")
    d.review(
        version.automation,
        "Read stock",
        "piet",
        now,
        "Still read every Monday; the planners asked when it was late once.",
    )


def cold_chain_alert(d: Director) -> Story:
    """Live for two months, stopped last week by the team's lead; one owner has asked to resume it."""
    now = yield Ago(62, "11:30")
    version = d.bring_in(
        "supply",
        "piet",
        "cold-chain-alert.json",
        now,
        opens={"telematics.northwind.example": "telematics"},
        purpose="Texts the driver and tells operations when a refrigerated truck gets warmer than 5 °C.",
        business_owner="piet",
        technical_owner="omar",
        escalation_contact="Operations desk, +31 20 555 0100",
    )
    now = yield timedelta(hours=1)
    submission = d.submit(
        version,
        "piet",
        now,
        {
            "Keep reading": "Food safety wants every reading kept; it adds rows to one table and changes none.",
            "Truck position": "The message says where the truck is, so that the nearest depot can help.",
            "Text the driver": "The driver is the only person who can look at the cooling at once.",
            "Tell operations": "The operations desk plans a replacement truck while the driver looks.",
        },
    )
    now = yield Ago(61, "09:30")
    d.approve(
        d.app(submission), "lena", now, "We lost two loads this summer. The sensor gateway is inside our network."
    )
    now = yield Ago(60, "13:00")
    d.approve(d.app(submission), "sana", now, "Open webhook, but it accepts the gateway's address range only; checked.")
    now = yield Ago(59, "09:45")
    now = yield from d.approve_rest(
        submission, now, "Small, named and needed: it adds rows and sends one text a truck."
    )
    now = yield Ago(6, "16:10")
    automation = version.automation
    lifecycle.stop(
        automation,
        actor=d.company.actor("lena"),
        now=now,
        reason="Three sensors repeat one reading; a driver got 140 texts since noon. Off until the gateway is fixed.",
    )
    now = yield Ago(2, "11:20")
    lifecycle.request_resume(
        automation,
        actor=d.company.actor("piet"),
        now=now,
        reason="The gateway drops repeated readings since yesterday; a day of test data produced two texts.",
    )


def price_list_sync(d: Director) -> Story:
    """A draft without a purpose, with a request to a variable address, and an old web shop without an owner."""
    now = yield Ago(4, "15:40")
    d.bring_in("supply", "piet", "price-list-sync.json", now, business_owner="piet")
