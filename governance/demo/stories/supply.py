"""Stories of Supply Engineering: one due for review, one stopped, one incomplete draft."""

from __future__ import annotations

from approvals.decisions.transitions import comment
from governance.demo.company.cast import Cast
from governance.demo.stories.playback import Ago, Story
from governance.demo.stories.scenes import MINUTES, approve_rest, submit_export
from inventory.automations.transitions import lifecycle


def weekly_stock_report(d: Cast) -> Story:
    """Live for almost half a year with two privileges under review: one owner has answered, the other has not."""
    submission = yield from submit_export(d, "weekly-stock-report.json", 171, "09:10")
    d.now = yield Ago(170, "10:05")
    d.approve(submission, "lena", "Replaces the spreadsheet that Piet sent around by hand.")
    d.now = yield Ago(166, "14:20")
    d.approve(submission, "omar", at="Read stock")
    d.now = yield MINUTES
    d.approve(submission, "omar", at="ERP Postgres (production)")
    d.now = yield MINUTES
    why = "Shorter than asked: the supply channels move to a workspace of their own this year."
    d.approve(submission, "omar", why, at="Post report", term_days=177)
    d.now = yield MINUTES
    d.approve(submission, "omar", at="Finance Slack workspace")
    d.now = yield Ago(4, "10:30")
    why = "Still read every Monday; the planners asked when it was late once."
    d.review(submission.automation, "Read stock", "piet", why)


def cold_chain_alert(d: Cast) -> Story:
    """Live for two months, stopped last week by the team's lead; one owner has asked to resume it."""
    submission = yield from submit_export(d, "cold-chain-alert.json", 62, "11:30")
    d.now = yield Ago(61, "09:30")
    d.approve(submission, "lena", "We lost two loads this summer. The sensor gateway is inside our network.")
    d.now = yield Ago(60, "13:00")
    comment.comment(
        submission, **d.by("sana", "Open webhook, but it accepts the gateway's address range only; checked.")
    )
    d.now = yield Ago(59, "09:45")
    yield from approve_rest(d, submission, "Small, named and needed: it adds rows and sends one text a truck.")
    d.now = yield Ago(6, "16:10")
    why = "Three sensors repeat one reading; a driver got 140 texts since noon. Off until the gateway is fixed."
    lifecycle.stop(submission.automation, **d.by("lena", why))
    d.now = yield Ago(2, "11:20")
    why = "The gateway drops repeated readings since yesterday; a day of test data produced two texts."
    lifecycle.request_resume(submission.automation, **d.by("piet", why))


def price_list_sync(d: Cast) -> Story:
    """A draft without a purpose, with a request to a variable address, and an old web shop without an owner."""
    d.now = yield Ago(4, "15:40")
    d.bring_in("price-list-sync.json")


STORIES = (weekly_stock_report, cold_chain_alert, price_list_sync)
