"""The page of signals: people who often approve for each other (S10). For security reviewers and auditors."""

from collections.abc import Iterable, Mapping

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from approvals.decisions import approval_signals
from approvals.decisions.approval_signals import Signal
from approvals.models import Submission
from approvals.policies import queries as policy_queries
from governance.core.access import Permission, access
from governance.web.components import times
from governance.web.pages.page import Shape, page, readers_only, refused
from governance.web.requests.request import Request

NOT_YOURS = readers_only("Signals are read by security reviewers and auditors.")
#: Limits: signals on the page, and submissions of one signal.
MOST, SHOWN = 100, 8
TITLES = {"mutual": "They approve for each other", "leaning": "Most approvals of one builder come from one person"}


@require_GET
def signals(request: Request) -> HttpResponse:
    """List the current signals, most frequent first: people, counts and submissions."""
    now = request.now()
    if not access.may(request.actor, Permission.SIGNALS_READ, None, now=now):
        return refused(request, NOT_YOURS)
    policy = policy_queries.in_force(now)
    all_signals = approval_signals.find_signals(policy, now)
    shown = all_signals[:MOST]
    names, submissions, days = approval_signals.names_of(shown), _submissions(shown), policy.signal_days
    facts = [times.counted(len(all_signals), "signal"), f"the last {days} days", "nothing is decided by them"]
    rows_by_kind = {kind: [signal for signal in shown if signal.kind == kind] for kind in TITLES}
    groups = [
        {"key": kind, "title": TITLES[kind], "rows": [_signal_row(row, names, submissions, days) for row in rows]}
        for kind, rows in rows_by_kind.items()
        if rows
    ]
    context = {"head": {"title": "Signals", "facts": facts}, "policy": policy, "groups": groups}
    return page(request, "approvals/decisions/signals.html", context)


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
        "submissions": rows,
        "more": f"and {more} more" if more > 0 else "",
    }
