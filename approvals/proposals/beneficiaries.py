"""Beneficiaries: people who gain from a loosened conflict rule or a lower data class (S6, S7, S8). Reads only.

There may be very many, so what `parties.submission_parties` reads for one submission is read here in set queries.
"""

from collections.abc import Collection
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import F, Func, OuterRef, Q, Subquery

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.dry_run import automations_caught
from approvals.models import Conflict, ConflictRule, ConflictState, Party
from approvals.models.conflict_rule import Scope
from approvals.parties.submission_parties import FROM_THE_ONE_IN_FORCE
from inventory.models import Automation, Version
from inventory.models.automation import AutomationQuerySet
from inventory.ownership.parties import CONTENT_REASONS


def beneficiaries_of_rules(codes: Collection[str], now: datetime) -> frozenset[int]:
    """Return the ids of owners and parties of automations in an open conflict of these rules.

    Also covers owners that such a conflict is about, and automations with any version that the rules would catch:
    refused, waiting or never submitted. A waived conflict counts as open, because its waiver ends.

    Args:
        codes: codes of the rules.
        now: business time.
    """
    if not codes:
        return frozenset()
    conflicts = Conflict.objects.filter(code__in=codes, state=ConflictState.OPEN).order_by()
    caught = conflicts.annotate(one=Func(F("automations"), function="unnest")).values("one")
    looked_at = conflicts.filter(scope=Scope.OWNER).values_list("subject", flat=True)
    rules = [conflict_queries.parse_version(rule) for rule in ConflictRule.objects.in_force(now).filter(code__in=codes)]
    asking = automations_caught(rules, now)
    either = Automation.objects.filter(Q(pk__in=caught) | Q(pk__in=asking))
    return beneficiaries_of_automations(either) | frozenset(looked_at)


OWNERS = ("business_owner", "technical_owner", "interim__person")


def beneficiaries_of_automations(automations: AutomationQuerySet) -> frozenset[int]:
    """Return the ids of owners, interim owners, parties since the version in force, importers and editors: four
    queries.
    """
    existing = Automation.objects.filter(pk__in=automations.order_by().values("pk"))
    people = {pk for owner_ids in existing.order_by().values_list(*OWNERS) for pk in owner_ids if pk is not None}
    parties = Party.objects.filter(FROM_THE_ONE_IN_FORCE, submission__automation__in=existing.values("pk"))
    people.update(parties.order_by().values_list("person", flat=True).distinct())
    brought = Version.objects.filter(automation__in=existing.values("pk"), imported_by__isnull=False)
    people.update(pk for pk in brought.order_by().values_list("imported_by", flat=True).distinct() if pk is not None)
    return frozenset(people | _editors(existing))


def _editors(automations: AutomationQuerySet) -> set[int]:
    """Return the ids of editors since the approved version; the next submission decides about their edits (S1)."""
    approved = Automation.objects.filter(pk=OuterRef("id")).order_by().values("approved_version__created_at")[:1]
    edits = reduce(or_, (Q(history_change_reason__startswith=prefix) for prefix in CONTENT_REASONS))
    rows = Automation.history.filter(edits, id__in=automations.values("pk"), history_user__isnull=False)
    is_since = Q(approved_at__isnull=True) | Q(history_date__gt=F("approved_at"))
    since = rows.annotate(approved_at=Subquery(approved)).filter(is_since)
    return set(since.order_by().values_list("history_user", flat=True).distinct())
