"""Pages of the conflict rules: the list by process, one rule with its conflicts and versions (S6)."""

from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.rows import MODES
from approvals.conflicts.rule_language.rule import Rule, write_text
from approvals.conflicts.views import conflicts
from approvals.models import Conflict, ConflictRule, ConflictState, Proposal
from approvals.policies.diff import Change
from approvals.proposals.kinds.conflict_rule import ConflictRuleKind
from approvals.proposals.views import proposals
from governance.core.access import Actor
from governance.web.pages.page import page
from governance.web.requests.request import Request, number
from inventory.models import Resource

KIND = "conflict_rule"
#: Limit of conflicts on the page of a rule.
MOST = 20


@require_GET
def rule_list(request: Request) -> HttpResponse:
    """List the rules in force, with the number of conflicts that the reader may see."""
    now = request.now()
    seen = Conflict.objects.visible_to(request.actor, now).filter(state=ConflictState.OPEN).order_by()
    counts = dict(seen.values("code").annotate(count=Count("pk")).values_list("code", "count"))
    rules = sorted(ConflictRule.objects.in_force(now), key=lambda version: version.process)
    parsed = map(conflict_queries.parse_version, rules)
    rows = [(each.version, each.rule.sentence, counts.get(each.version.code)) for each in parsed]
    context = {
        "may_propose": proposals.may_propose(KIND, "", request.actor, now),
        "rows": rows,
        "given_up": _given_up(now),
    }
    return page(request, "approvals/conflicts/conflict_rules.html", context)


@require_GET
def rule(request: Request, code: str) -> HttpResponse:
    """Show a rule or one of its versions: legs, conflicts, open proposals and versions."""
    now, actor = request.now(), request.actor
    known = ConflictRule.objects.filter(code=code, effective_at__lte=now).order_by("-number")
    versions = list(known.select_related("proposed_by", "approved_by", "undoes"))
    in_force = ConflictRule.objects.in_force(now).filter(code=code).first()
    chosen = number(request.GET.get("version"))
    wanted = chosen or (in_force.number if in_force is not None else versions[0].number if versions else None)
    shown = next((version for version in versions if version.number == wanted), None)
    if shown is None:
        raise Http404
    before = next((version for version in versions if version.number < shown.number), None)
    parsed = conflict_queries.parse_version(shown).rule
    seen = Conflict.objects.visible_to(actor, now).filter(code=code, state=ConflictState.OPEN)
    rows = list(seen.telling_waived(now).select_related("rule").order_by("-pk")[:MOST])
    under_way = Proposal.objects.visible_to(actor, now).unanswered().filter(kind=KIND, target=code)
    context = {
        "is_version_asked": chosen is not None,
        "may_propose": proposals.may_propose(KIND, code, actor, now),
        "version": shown,
        "rule": parsed,
        "mode_words": MODES[shown.mode] if shown == in_force else "",
        "text": write_text(shown.document),
        "legs": _leg_words(parsed, actor, now),
        "before": before,
        "changes": _changes(before, shown),
        "caught": conflicts.list_rows(rows, actor, now),
        "under_way": proposals.list_rows(under_way),
        "versions": versions,
        "in_force": in_force,
    }
    return page(request, "approvals/conflicts/conflict_rule.html", context)


def _given_up(now: datetime) -> QuerySet[ConflictRule]:
    """Return the newest version of each rule that is no longer in force."""
    newest = ConflictRule.objects.filter(effective_at__lte=now).order_by("code", "-number").distinct("code")
    in_force = ConflictRule.objects.in_force(now).values("code")
    return ConflictRule.objects.filter(pk__in=newest.values("pk")).exclude(code__in=in_force).order_by("title")


def _leg_words(rule: Rule, actor: Actor, now: datetime) -> list[tuple[Any, list[str]]]:
    """Return each leg with its selectors in words. Resources are named if the reader may see them."""
    ids = {pk for leg in rule.sides for selector in leg.any for pk in selector.resources}
    names = dict(Resource.objects.visible_to(actor, now).filter(pk__in=ids).values_list("pk", "name"))
    return [(leg, [selector.words(names) for selector in leg.any]) for leg in rule.sides]


def _changes(before: ConflictRule | None, shown: ConflictRule) -> tuple[Change, ...]:
    """Return what a version changed against the version before; nothing for the first version."""
    old, new = ({"rule": row.document} if row is not None and not row.is_given_up else {} for row in (before, shown))
    return ConflictRuleKind().changes(shown.code, old, new) if before is not None else ()
