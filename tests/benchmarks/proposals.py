"""What a policy or a conflict rule would have changed, counted over every submission that there is, as its job does it: slice by slice."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet

from approvals.conflicts.check import submission
from approvals.conflicts.check.find_conflicts import case_of_version
from approvals.models import ConflictRule, Proposal, Submission, WhatIf
from approvals.models.policy import DEFAULT
from approvals.policies import queries as policy_queries
from approvals.proposals import impact_count
from approvals.proposals.kinds import kind as kind_kind
from approvals.proposals.kinds import policy
from governance.core.clock import current_time
from tests.trigger_bypass import unguarded

#: Seconds that so many submissions may take. A rule by team or chain reads what all others hold besides.
GOAL, GOAL_BESIDE_OTHERS, OF = 30, 60, 10_000


@dataclass(frozen=True)
class Counted:
    """How many submissions were judged, how long that took, and what came of it."""

    submissions: int
    seconds: float
    sentences: list[str]
    most: float = GOAL

    @property
    def goal(self) -> float:
        """Seconds that so many may take."""
        return max(self.most * self.submissions / OF, 1)


def count_policy() -> Counted:
    """Judge all submissions under a policy in which tiers, seats and terms are others: what reads most."""
    now, before = current_time.now(), policy_queries.shipped()
    after = json.loads(json.dumps(before))
    after["tiers"]["high"]["non_read_on"] = ["internal", "confidential"]
    after["seats"]["privilege"]["standard"] = ["owner", "security"]
    after["longest_term"]["high"] = 60
    proposal = Proposal(kind="policy", target=DEFAULT, before=before, document=after)
    what_if = WhatIf(proposal=proposal, since=now - timedelta(days=3650), until=now)
    began = time.perf_counter()
    while impact_count.count_next(what_if, impact_count.SLICE) == impact_count.SLICE:
        pass
    return Counted(what_if.done, time.perf_counter() - began, policy.PolicyKind().impact_sentences(what_if))


def freeze(submissions: QuerySet[Submission]) -> None:
    """Say of the first `OF` of them what each one's version would hold, as handing it in does: the estate's were never handed in."""
    rows = submissions.filter(held__isnull=True).select_related("automation", "version").order_by("pk")
    with unguarded(Submission):
        for row in rows[:OF]:
            case = case_of_version(row.automation, row.version)
            keys = {thing.key.partition("/")[2] for thing in case.things if not thing.entry}
            Submission.objects.filter(pk=row.pk).update(held=submission.frozen_case(case, keys, {}))


def count_rule(scope: str = "automation") -> Counted:
    """Check a conflict rule, and the same in a stricter mode, for every submission; with other holders where the scope is wider."""
    now, kind = current_time.now(), kind_kind.kind_of("conflict_rule")
    rule = ConflictRule.objects.in_force(now).get(code="private-untrusted-outbound")
    document = {**rule.document, "scope": scope}
    before, after = {"rule": document}, {"rule": {**document, "mode": "enforce"}}
    proposal = Proposal(kind=kind.code, target=rule.code, before=before, document=after)
    what_if = WhatIf(proposal=proposal, since=now - timedelta(days=3650), until=now)
    began = time.perf_counter()
    while impact_count.count_next(what_if, impact_count.SLICE) == impact_count.SLICE:
        pass
    most = GOAL if scope == "automation" else GOAL_BESIDE_OTHERS
    return Counted(what_if.done, time.perf_counter() - began, kind.impact_sentences(what_if), most)
