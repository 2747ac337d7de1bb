"""The conflict rules in force, by business process, and one of them: what it forbids, who is caught, its versions (S6, S8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.conflicts import standing
from approvals.models import Conflict, ConflictRule, ConflictState, Proposal
from approvals.transitions import proposing
from approvals.views import conflict_rows, conflicts
from governance.controls import clock
from governance.web import times
from governance.web.middleware import Request
from governance.web.pages import page
from inventory.models import Resource

Shape = dict[str, Any]

#: Conflicts of a rule that its page lists.
MOST = 20


@require_GET
def rule_list(request: Request) -> HttpResponse:
    """Every rule in force; how many of the conflicts that the reader may see it has."""
    now = clock.now()
    seen = Conflict.objects.visible_to(request.actor, now).filter(state=ConflictState.OPEN).order_by()
    counts = dict(seen.values("code").annotate(count=Count("pk")).values_list("code", "count"))
    groups: dict[str, list[Shape]] = {}
    rules = ConflictRule.objects.in_force(now)
    for one in rules:
        groups.setdefault(one.process, []).append(
            {
                "href": one.href,
                "title": one.title,
                "sentence": standing.of(one).rule.sentence,
                "rating": one.rating,
                "mode": one.mode,
                "count": counts.get(one.code, 0),
                "caught_href": f"{reverse('conflict_list')}?rule={one.code}",
            }
        )
    return page(
        request,
        "approvals/conflict_rules.html",
        {
            "now": now,
            "crumbs": [{"label": "Conflicts", "href": reverse("conflict_list")}, {"label": "Rules", "href": ""}],
            "head": {
                "title": "Conflict rules",
                "facts": [times.counted(sum(map(len, groups.values())), "rule"), "what may not be held together"],
                "actions": _beginning(request, now),
            },
            "groups": [{"title": title, "rows": rows} for title, rows in sorted(groups.items())],
        },
    )


@require_GET
def rule(request: Request, code: str) -> HttpResponse:
    """One rule: what each of its legs means, why it matters, who is caught, and its versions."""
    now = clock.now()
    versions = list(
        ConflictRule.objects.filter(code=code, effective_at__lte=now)
        .select_related("proposed_by", "approved_by", "undoes")
        .order_by("-number")
    )
    if not versions:
        raise Http404
    newest = versions[0]
    read = standing.of(newest).rule
    seen = Conflict.objects.visible_to(request.actor, now).filter(code=code, state=ConflictState.OPEN)
    rows = list(seen.telling_waived(now).select_related("rule").order_by("-pk")[:MOST])
    names = dict(
        Resource.objects.visible_to(request.actor, now).filter(pk__in=_resources(read)).values_list("pk", "name")
    )
    legs = [*read.legs, *([read.without] if read.without is not None else [])]
    return page(
        request,
        "approvals/conflict_rule.html",
        {
            "now": now,
            "crumbs": [
                {"label": "Conflicts", "href": reverse("conflict_list")},
                {"label": "Rules", "href": reverse("conflict_rules")},
                {"label": newest.title, "href": ""},
            ],
            "head": {
                "title": newest.title,
                "facts": [newest.process, f"version {newest.number}", *(["given up"] if newest.is_given_up else [])],
                "actions": _propose(request, now, code, reverse("rule_propose", args=[code]), "Propose a change"),
            },
            "rule": {
                "sentence": read.sentence,
                "reason": read.reason,
                "resolve": read.resolve,
                "rating": newest.rating,
                "mode": newest.mode,
                "mode_words": conflict_rows.MODES[newest.mode],
            },
            "legs": [
                {
                    "name": leg.name,
                    "means": [selector.words(names) for selector in leg.any],
                    "is_without": leg is read.without,
                }
                for leg in legs
            ],
            "caught": conflicts.rows_of(rows, request.actor, now),
            "caught_href": f"{reverse('conflict_list')}?rule={code}",
            "versions": [
                {
                    "number": one.number,
                    "words": signed(one),
                    "at": one.effective_at,
                    "mode": one.mode,
                }
                for one in versions
            ],
        },
    )


def _beginning(request: Request, now: datetime) -> list[Shape]:
    """The ways to propose rules that there are not yet: a file of them, or one that is written."""
    written = _propose(request, now, "", reverse("rule_new"), "Propose a rule")
    return (
        [{"label": "Bring in a matrix", "icon": "upload", "href": reverse("rule_import")}, *written] if written else []
    )


def _propose(request: Request, now: datetime, code: str, href: str, label: str) -> list[Shape]:
    """The way to propose, for whoever may."""
    no = proposing.propose.refusal(Proposal(kind="conflict_rule", target=code), actor=request.actor, now=now)
    return [{"label": label, "icon": "pen", "href": href}] if no is None else []


def _resources(rule: Any) -> set[int]:
    legs = [*rule.legs, *([rule.without] if rule.without is not None else [])]
    return {pk for leg in legs for selector in leg.any for pk in selector.resources}


def signed(version: ConflictRule) -> str:
    """Whose signatures a version has, in words."""
    if version.ships:
        return "It ships with Countersign"
    if version.undoes is not None:
        return f"Version {version.undoes.number} was not countersigned: what stood before is back"
    proposed = version.proposed_by.name if version.proposed_by is not None else ""
    if version.approved_by is None:
        return f"Proposed by {proposed}, who acts alone until it is countersigned"
    return f"Proposed by {proposed}, approved by {version.approved_by.name}"
