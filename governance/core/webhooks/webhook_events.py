"""One table of the ledger events that an endpoint can get. The person who adds it chooses."""

from __future__ import annotations

from typing import NamedTuple


class Told(NamedTuple):
    """The message of one event.

    Args:
        heading: what it is, as a list of choices and the head of a message have it.
        sentence: what happened; ``{what}`` is the automation.
    """

    heading: str
    sentence: str


#: Sent when a manager of the endpoint asks for a test.
TEST = "webhook.tested"

EVENTS: dict[str, Told] = {
    "submission.submitted": Told("Submitted", "{what} was submitted and waits for its decisions."),
    "approval.changes_asked": Told("Changes asked", "An answer or a change is asked before {what} is decided."),
    "submission.rejected": Told("Refused", "{what} was refused as an app."),
    "submission.put_in_force": Told("In force", "{what} may run with what was approved."),
    "submission.expired": Told("Expired", "What was approved of {what} was not accepted in time."),
    "automation.stopped": Told("Stopped", "{what} was stopped: nothing of it may run."),
    "automation.suspended": Told("Suspended", "{what} is suspended: nothing of it may run."),
    "automation.resumed": Told("Runs again", "The stop of {what} was lifted."),
    "automation.retired": Told("Retired", "{what} was retired."),
    "item.escalated": Told("Review overdue", "Nobody answered a review of {what} in time; the next in line is asked."),
    "item.silence_suspended": Told("Suspended, nobody answered", "Nobody answered a review of {what}: it lost access."),
    TEST: Told("Test", "This is a test: what happens is told here from now on."),
}

#: What can be chosen.
CHOICES = tuple((event, webhook_event.heading) for event, webhook_event in EVENTS.items() if event != TEST)
