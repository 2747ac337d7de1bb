"""Pages of the conflict rules: the list by business process, and one rule with its conflicts and versions (S6, S8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.rule_language.rule import Rule
from approvals.conflicts.rule_language.text import write_text
from approvals.conflicts.views import conflicts
from approvals.conflicts.views import rows as conflict_rows
from approvals.models import Conflict, ConflictRule, ConflictState, Proposal
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds.conflict_rule import ConflictRuleKind
from approvals.proposals.views.rows import list_rows
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.components import times
from governance.web.pages.page import page
from governance.web.requests.request import Request, number
from inventory.models import Resource

Shape = dict[str, Any]

#: Limit of conflicts on the page of a rule.
MOST = 20


@require_GET
def rule_list(request: Request) -> HttpResponse:
    """List the rules in force, with the number of conflicts that the reader may see."""
    now = business_time.now()
    seen = Conflict.objects.visible_to(request.actor, now).filter(state=ConflictState.OPEN).order_by()
    counts = dict(seen.values("code").annotate(count=Count("pk")).values_list("code", "count"))
    rules = sorted(ConflictRule.objects.in_force(now), key=lambda version: version.process)
    rows = [
        (version, conflict_queries.parse_version(version).rule.sentence, counts.get(version.code, 0))
        for version in rules
    ]
    facts = [times.counted(len(rules), "rule"), "what may not be held together"]
    context = {
        "now": now,
        "crumbs": [{"label": "Conflicts", "href": reverse("conflict_list")}, {"label": "Rules", "href": ""}],
        "head": {"title": "Conflict rules", "facts": facts, "actions": _new_rule_actions(request.actor, now)},
        "groups": [(process, list(group)) for process, group in groupby(rows, lambda row: row[0].process)],
        "given_up": _given_up(now),
    }
    return page(request, "approvals/conflicts/conflict_rules.html", context)


@require_GET
def rule(request: Request, code: str) -> HttpResponse:
    """Show a rule or one of its versions: legs, conflicts, open proposals and versions."""
    now, actor = business_time.now(), request.actor
    known = ConflictRule.objects.filter(code=code, effective_at__lte=now).order_by("-number")
    versions = list(known.select_related("proposed_by", "approved_by", "undoes"))
    in_force = next(iter(ConflictRule.objects.in_force(now).filter(code=code)), None)
    chosen = number(request.GET.get("version"))
    wanted = chosen or (in_force.number if in_force is not None else versions[0].number if versions else None)
    shown = next((version for version in versions if version.number == wanted), None)
    if shown is None:
        raise Http404
    is_in_force, parsed = shown == in_force, conflict_queries.parse_version(shown).rule
    seen = Conflict.objects.visible_to(actor, now).filter(code=code, state=ConflictState.OPEN)
    rows = list(seen.telling_waived(now).select_related("rule").order_by("-pk")[:MOST])
    under_way = Proposal.objects.visible_to(actor, now).unanswered().filter(kind="conflict_rule", target=code)
    context = {
        "now": now,
        "crumbs": [
            {"label": "Conflicts", "href": reverse("conflict_list")},
            {"label": "Rules", "href": reverse("conflict_rules")},
            {"label": versions[0].title, "href": versions[0].href if chosen is not None else ""},
            *([{"label": f"Version {shown.number}", "href": ""}] if chosen is not None else []),
        ],
        "head": {
            "title": shown.title,
            "tag": {"text": "In force", "tone": "ok"} if is_in_force else {"text": _inactive_label(shown, in_force)},
            "facts": [shown.process, f"version {shown.number}"],
            "actions": _actions(actor, now, shown, is_in_force=is_in_force),
        },
        "version": shown,
        "rule": parsed,
        "is_in_force": is_in_force,
        "mode_words": conflict_rows.MODES[shown.mode] if is_in_force else "",
        "text": write_text(shown.document),
        "legs": _leg_words(parsed, actor, now),
        "changes": _changes(shown, versions),
        "caught": conflicts.list_rows(rows, actor, now),
        "under_way": list_rows(under_way),
        "versions": versions,
        "in_force": in_force,
    }
    return page(request, "approvals/conflicts/conflict_rule.html", context)


def _given_up(now: datetime) -> QuerySet[ConflictRule]:
    """Return the newest version of each rule that is no longer in force."""
    newest = ConflictRule.objects.filter(effective_at__lte=now).order_by("code", "-number").distinct("code")
    in_force = ConflictRule.objects.in_force(now).values("code")
    return ConflictRule.objects.filter(pk__in=newest.values("pk")).exclude(code__in=in_force).order_by("title")


def _inactive_label(shown: ConflictRule, in_force: ConflictRule | None) -> str:
    """Return why a version is not in force."""
    if in_force is None:
        return "Given up" if shown.is_given_up else "Not in force"
    return "Earlier version" if shown.number < in_force.number else "Not in force"


def _leg_words(rule: Rule, actor: Actor, now: datetime) -> list[tuple[Any, list[str]]]:
    """Return each leg with its selectors in words. Resources are named if the reader may see them."""
    ids = {pk for leg in rule.sides for selector in leg.any for pk in selector.resources}
    names = dict(Resource.objects.visible_to(actor, now).filter(pk__in=ids).values_list("pk", "name"))
    return [(leg, [selector.words(names) for selector in leg.any]) for leg in rule.sides]


def _changes(shown: ConflictRule, versions: Sequence[ConflictRule]) -> Shape | None:
    """Return what a version changed against the version before; None for the first version."""
    before = next((version for version in versions if version.number < shown.number), None)
    if before is None:
        return None
    old, new = ({} if version.is_given_up else {"rule": version.document} for version in (before, shown))
    return {"from": before.number, "rows": ConflictRuleKind().changes(shown.code, old, new)}


def _actions(actor: Actor, now: datetime, shown: ConflictRule, *, is_in_force: bool) -> list[Shape]:
    """Return actions that propose another version; for a version not in force, to propose it again."""
    if not _may_propose(shown.code, actor, now):
        return []
    href = reverse("rule_propose", args=[shown.code])
    if not is_in_force:
        return [_action("Propose this one again", f"{href}?from={shown.number}")]
    return [_action("Propose a change", href)]


def _new_rule_actions(actor: Actor, now: datetime) -> list[Shape]:
    """Return the action that proposes a new rule."""
    return [_action("Propose a rule", reverse("rule_new"))] if _may_propose("", actor, now) else []


def _action(label: str, href: str) -> Shape:
    return {"label": label, "icon": "pen", "href": href}


def _may_propose(code: str, actor: Actor, now: datetime) -> bool:
    row = Proposal(kind="conflict_rule", target=code)
    return proposal_transitions.propose.refusal(row, actor=actor, now=now) is None
