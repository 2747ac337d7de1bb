"""What is left of the conflicts of a submission as it is decided so far: refused privileges leave them (S6). For pages; reads only.

A decision is about the conflicts as they were asked (`submission.facts_of`), so that a decision on a neighbouring approval voids none (A6).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from approvals.conflicts.check import automation
from approvals.conflicts.check import submission as check_submission
from approvals.conflicts.check.automation import Found
from approvals.models import Approval, Grant, Submission

#: Approvals that allow less than was asked.
LESS = Q(state__in=check_submission.GIVES_NOTHING) | ~Q(granted_level="")


def of_submission(submission: Submission, now: datetime) -> Sequence[Found]:
    """Its conflicts without what was refused, and as far as it was narrowed; remembered on this instance."""
    known: Sequence[Found] | None = submission.__dict__.get("_remaining")
    if known is None:
        known = check_submission.of_submission(submission, now)
        records = submission.approvals.all()
        if known and any(one.state in check_submission.GIVES_NOTHING or one.granted_level for one in records):
            known = tuple(check_submission.left(submission, records, now))
        submission.__dict__["_remaining"] = known
    return known


def of_record(record: Approval, now: datetime) -> list[Found]:
    """The remaining conflicts that an approval has a part in; none where it is refused itself."""
    key, beside = check_submission.key_of(record), check_submission.asked_in(record.submission)
    found = of_submission(record.submission, now)
    return [one for one in found if check_submission.takes_part(record.kind, key, one, beside)]


def know(submissions: Sequence[Submission], now: datetime) -> None:
    """Read the remaining conflicts of some submissions together, for a page that shows records of many: a fixed number of queries."""
    check_submission.know(submissions, now)
    each = {one.pk: one for one in submissions}
    for one in submissions:
        one.__dict__["_remaining"] = check_submission.of_submission(one, now)
    in_conflict = [pk for pk, one in each.items() if one.__dict__["_remaining"]]
    if not in_conflict:
        return
    less = Approval.objects.filter(LESS, submission__in=in_conflict).values("submission")
    records: dict[int, list[Approval]] = {}
    for record in Approval.objects.filter(submission__in=less, stage=2).select_related("privilege"):
        records.setdefault(record.submission_id, []).append(record)
    if not records:
        return
    some = [each[pk] for pk in records]
    rules, kept = check_submission.rules_for(some[0], now), _kept(some, now)
    cases = [
        check_submission.as_decided(one, records[one.pk], kept.get(one.automation_id, []), case)
        for one, case in zip(some, check_submission.cases_now(some, rules), strict=True)
    ]
    found = dict(zip(records, automation.find_all(cases, now, rules), strict=True))
    for one in submissions:
        one.__dict__["_remaining"] = tuple(found.get(one.pk, one.__dict__["_remaining"]))


def _kept(submissions: Sequence[Submission], now: datetime) -> dict[int, list[Grant]]:
    """What their automations hold, by automation."""
    found: dict[int, list[Grant]] = {}
    for grant in check_submission.counted([one.automation_id for one in submissions], now):
        found.setdefault(grant.automation_id, []).append(grant)
    return found
