"""The page of signals: people who often approve for each other (S10). For security reviewers and auditors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.decisions import approval_signals
from approvals.decisions.approval_signals import Signal
from approvals.models import Submission
from approvals.policies import queries as policy_queries
from governance.core.access import access
from governance.core.clock import business_time
from governance.core.duties.refusals import Refusal
from governance.core.roles.roles import Permission
from governance.web.components import times
from governance.web.pages.page import page, refused
from governance.web.requests.request import Request

Shape = dict[str, Any]

NOT_YOURS = Refusal(
    "PERMISSION", "permission", "Signals are read by security reviewers and auditors.", "Go back to your own pages."
)
#: Limits: signals on the page, and submissions of one signal.
MOST, SHOWN = 100, 8
TITLES = {"mutual": "They approve for each other", "leaning": "Most approvals of one builder come from one person"}


@require_GET
def signals(request: Request) -> HttpResponse:
    """List the current signals, most frequent first: people, counts and submissions."""
    now = business_time.now()
    if not access.may(request.actor, Permission.SIGNALS_READ, None, now=now):
        return refused(request, NOT_YOURS)
    policy = policy_queries.in_force(now)
    all_signals = approval_signals.find_signals(policy, now)
    shown = all_signals[:MOST]
    names = {pk: person.name for pk, person in approval_signals.people_of(shown).items()}
    submissions = _submissions(shown)
    days, mutual, share = policy.signal_days, policy.signal_mutual, policy.signal_share
    groups = [
        {
            "key": kind,
            "title": title,
            "rows": [_signal_row(signal, names, submissions, days) for signal in shown if signal.kind == kind],
        }
        for kind, title in TITLES.items()
    ]
    return page(
        request,
        "approvals/decisions/signals.html",
        {
            "now": now,
            "head": {
                "title": "Signals",
                "facts": [
                    times.counted(len(all_signals), "signal"),
                    f"the last {days} days",
                    "nothing is decided by them",
                ],
            },
            "words": (
                f"A signal is two people who approved for each other in more than {mutual} submissions, or a person who gave over "
                f"{share} % of a builder’s approvals in more than {mutual}."
            ),
            "groups": [group for group in groups if group["rows"]],
        },
    )


def _submissions(shown: Iterable[Signal]) -> dict[int, Submission]:
    """Return the newest submissions of each signal."""
    keys = {pk for signal in shown for pk in signal.submissions[:SHOWN]}
    rows = Submission.objects.filter(pk__in=keys).select_related("automation")
    return {row.pk: row for row in rows.only("submitted_at", "automation__name")}


def _signal_row(signal: Signal, names: Mapping[int, str], submissions: Mapping[int, Submission], days: int) -> Shape:
    rows = [submissions[pk] for pk in signal.submissions[:SHOWN] if pk in submissions]
    more = len(signal.submissions) - len(rows)
    return {
        "sentence": approval_signals.signal_sentence(signal, names, days),
        "submissions": [
            {"href": reverse("review", args=[row.pk]), "name": f"{row.automation.name} {row.reference}"} for row in rows
        ],
        "more": f"and {more} more" if more > 0 else "",
    }
