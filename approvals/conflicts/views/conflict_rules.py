"""Pages of the conflict rules: the list by business process, and one rule with its conflicts and versions (S6, S8)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.views import conflicts, rule_proposal
from approvals.conflicts.views import rows as conflict_rows
from approvals.models import Conflict, ConflictRule, ConflictState, Proposal
from approvals.policies.views import rows as policy_rows
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind
from approvals.proposals.views.rows import list_rows
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.components import times
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
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
    groups: dict[str, list[Shape]] = {}
    rules = ConflictRule.objects.in_force(now)
    for version in rules:
        groups.setdefault(version.process, []).append(
            {
                "href": version.href,
                "title": version.title,
                "sentence": conflict_queries.parse_version(version).rule.sentence,
                "rating": version.rating,
                "mode": version.mode,
                "count": counts.get(version.code, 0),
                "caught_href": f"{reverse('conflict_list')}?rule={version.code}",
            }
        )
    return page(
        request,
        "approvals/conflicts/conflict_rules.html",
        {
            "now": now,
            "crumbs": [{"label": "Conflicts", "href": reverse("conflict_list")}, {"label": "Rules", "href": ""}],
            "head": {
                "title": "Conflict rules",
                "facts": [times.counted(sum(map(len, groups.values())), "rule"), "what may not be held together"],
                "actions": _new_rule_actions(request, now),
            },
            "groups": [{"title": title, "rows": rows} for title, rows in sorted(groups.items())],
            "given_up": [
                {"href": version.href, "title": version.title, "at": version.effective_at} for version in _given_up(now)
            ],
        },
    )


@require_GET
def rule(request: Request, code: str) -> HttpResponse:
    """Show a rule or one of its versions: legs, conflicts, open proposals and versions."""
    now = business_time.now()
    versions = list(
        ConflictRule.objects.filter(code=code, effective_at__lte=now)
        .select_related("proposed_by", "approved_by", "undoes")
        .order_by("-number")
    )
    chosen = number(request.GET.get("version"))
    shown = next((version for version in versions if chosen is None or version.number == chosen), None)
    if shown is None:
        raise Http404
    in_force = ConflictRule.objects.in_force(now).filter(code=code).first()
    if chosen is None and in_force is not None:
        shown = next(one for one in versions if one.pk == in_force.pk)
    seen = Conflict.objects.visible_to(request.actor, now).filter(code=code, state=ConflictState.OPEN)
    rows = list(seen.telling_waived(now).select_related("rule").order_by("-pk")[:MOST])
    under_way = Proposal.objects.visible_to(request.actor, now).unanswered().filter(kind="conflict_rule", target=code)
    is_in_force = in_force is not None and shown.pk == in_force.pk
    return page(
        request,
        "approvals/conflicts/conflict_rule.html",
        {
            "now": now,
            "crumbs": [
                {"label": "Conflicts", "href": reverse("conflict_list")},
                {"label": "Rules", "href": reverse("conflict_rules")},
                {"label": versions[0].title, "href": versions[0].href if chosen is not None else ""},
                *([{"label": f"Version {shown.number}", "href": ""}] if chosen is not None else []),
            ],
            "head": {
                "title": shown.title,
                "tag": {"text": "In force", "tone": "ok"}
                if is_in_force
                else {"text": _inactive_label(shown, in_force)},
                "facts": [shown.process, f"version {shown.number}"],
                "actions": _actions(request, now, shown, is_in_force=is_in_force),
            },
            "rule": _rule_shape(shown, is_in_force=is_in_force),
            "ships_otherwise": is_in_force and conflict_queries.newer_default_rule(shown) is not None,
            "legs": _leg_rows(shown, request.actor, now),
            "changes": _changes(shown, versions),
            "caught": conflicts.list_rows(rows, request.actor, now),
            "caught_href": f"{reverse('conflict_list')}?rule={code}",
            "under_way": list_rows(under_way),
            "versions": [
                {
                    "number": version.number,
                    "href": f"{version.href}?version={version.number}",
                    "words": signature_words(version),
                    "at": None if version.ships else version.effective_at,
                    "until": version.until,
                    "mode": "" if version.is_given_up else version.mode,
                    "is_in_force": in_force is not None and version.pk == in_force.pk,
                }
                for version in versions
            ],
        },
    )


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


def _rule_shape(shown: ConflictRule, *, is_in_force: bool) -> Shape:
    read = conflict_queries.parse_version(shown).rule
    return {
        "sentence": read.sentence,
        "reason": read.reason,
        "resolve": read.resolve,
        "rating": shown.rating,
        "mode": shown.mode,
        "mode_words": conflict_rows.MODES[shown.mode] if is_in_force else "",
        "is_in_force": is_in_force,
        "is_given_up": shown.is_given_up,
        "until": shown.until if is_in_force else None,
        "text": rule_proposal.as_text(shown.document),
    }


def _leg_rows(shown: ConflictRule, actor: Actor, now: datetime) -> list[Shape]:
    read = conflict_queries.parse_version(shown).rule
    names = dict(Resource.objects.visible_to(actor, now).filter(pk__in=_resource_ids(read)).values_list("pk", "name"))
    return [
        {
            "name": leg.name,
            "means": [selector.words(names) for selector in leg.any],
            "is_without": leg is read.without,
            "is_needs": leg is read.needs,
        }
        for leg in read.sides
    ]


def _changes(shown: ConflictRule, versions: Sequence[ConflictRule]) -> Shape | None:
    """Return what a version changed against the version before; None for the first version."""
    before = next((version for version in versions if version.number < shown.number), None)
    if before is None:
        return None
    old, new = ({} if version.is_given_up else {"rule": version.document} for version in (before, shown))
    changes = kind.kind_of("conflict_rule").changes(shown.code, old, new)
    return {"from": before.number, "rows": policy_rows.change_rows(changes)}


def _actions(request: Request, now: datetime, shown: ConflictRule, *, is_in_force: bool) -> list[Shape]:
    """Return actions that propose another version; for a version not in force, to propose it again."""
    href = reverse("rule_propose", args=[shown.code])
    if is_in_force:
        actions = _propose_actions(request, now, shown.code, href, "Propose a change")
        if conflict_queries.newer_default_rule(shown) is not None:
            actions += _propose_actions(request, now, shown.code, f"{href}?from=shipped", "Propose the shipped text")
        return actions
    return _propose_actions(request, now, shown.code, f"{href}?from={shown.number}", "Propose this one again")


def _new_rule_actions(request: Request, now: datetime) -> list[Shape]:
    """Return actions that propose new rules: import a file, or write one."""
    written = _propose_actions(request, now, "", reverse("rule_new"), "Propose a rule")
    return (
        [{"label": "Bring in a matrix", "icon": "upload", "href": reverse("rule_import")}, *written] if written else []
    )


def _propose_actions(request: Request, now: datetime, code: str, href: str, label: str) -> list[Shape]:
    """Return the action to propose, if the reader may."""
    refusal = proposal_transitions.propose.refusal(
        Proposal(kind="conflict_rule", target=code), actor=request.actor, now=now
    )
    return [{"label": label, "icon": "pen", "href": href}] if refusal is None else []


def _resource_ids(rule: Any) -> set[int]:
    return {pk for leg in rule.sides for selector in leg.any for pk in selector.resources}


def signature_words(version: ConflictRule) -> str:
    """Return who proposed and approved a version, in words."""
    if version.ships:
        return "It ships with Countersign"
    if version.undoes is not None:
        return f"Version {version.undoes.number} was not countersigned: what stood before is back"
    proposed = version.proposed_by.name if version.proposed_by is not None else ""
    if version.approved_by is None:
        return f"Proposed by {proposed}, who acts alone until it is countersigned"
    return f"Proposed by {proposed}, approved by {version.approved_by.name}"
