"""The conflict rules in force, by business process, and one of them: what it forbids, who is caught, its versions (S6, S8)."""

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
from approvals.proposals.views.rows import listed
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.web.components import times
from governance.web.pages.page import page
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.models import Resource

Shape = dict[str, Any]

#: Conflicts of a rule that its page lists.
MOST = 20


@require_GET
def rule_list(request: Request) -> HttpResponse:
    """Every rule in force; how many of the conflicts that the reader may see it has."""
    now = business_time.now()
    seen = Conflict.objects.visible_to(request.actor, now).filter(state=ConflictState.OPEN).order_by()
    counts = dict(seen.values("code").annotate(count=Count("pk")).values_list("code", "count"))
    groups: dict[str, list[Shape]] = {}
    rules = ConflictRule.objects.in_force(now)
    for one in rules:
        groups.setdefault(one.process, []).append(
            {
                "href": one.href,
                "title": one.title,
                "sentence": conflict_queries.of(one).rule.sentence,
                "rating": one.rating,
                "mode": one.mode,
                "count": counts.get(one.code, 0),
                "caught_href": f"{reverse('conflict_list')}?rule={one.code}",
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
                "actions": _beginning(request, now),
            },
            "groups": [{"title": title, "rows": rows} for title, rows in sorted(groups.items())],
            "given_up": [{"href": one.href, "title": one.title, "at": one.effective_at} for one in _given_up(now)],
        },
    )


@require_GET
def rule(request: Request, code: str) -> HttpResponse:
    """One rule as it is, or as one of its versions said: what each leg means, who is caught, what is proposed, its versions."""
    now = business_time.now()
    versions = list(
        ConflictRule.objects.filter(code=code, effective_at__lte=now)
        .select_related("proposed_by", "approved_by", "undoes")
        .order_by("-number")
    )
    chosen = number(request.GET.get("version"))
    shown = next((one for one in versions if chosen is None or one.number == chosen), None)
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
                "tag": {"text": "In force", "tone": "ok"} if is_in_force else {"text": _why_not(shown, in_force)},
                "facts": [shown.process, f"version {shown.number}"],
                "actions": _actions(request, now, shown, is_in_force=is_in_force),
            },
            "rule": _shape(shown, is_in_force=is_in_force),
            "ships_otherwise": is_in_force and conflict_queries.newer(shown) is not None,
            "legs": _legs(shown, request.actor, now),
            "changes": _changes(shown, versions),
            "caught": conflicts.rows_of(rows, request.actor, now),
            "caught_href": f"{reverse('conflict_list')}?rule={code}",
            "under_way": listed(under_way),
            "versions": [
                {
                    "number": one.number,
                    "href": f"{one.href}?version={one.number}",
                    "words": signed(one),
                    "at": None if one.ships else one.effective_at,
                    "until": one.until,
                    "mode": "" if one.is_given_up else one.mode,
                    "is_in_force": in_force is not None and one.pk == in_force.pk,
                }
                for one in versions
            ],
        },
    )


def _given_up(now: datetime) -> QuerySet[ConflictRule]:
    """The newest version of each rule that nobody asks for any more."""
    newest = ConflictRule.objects.filter(effective_at__lte=now).order_by("code", "-number").distinct("code")
    in_force = ConflictRule.objects.in_force(now).values("code")
    return ConflictRule.objects.filter(pk__in=newest.values("pk")).exclude(code__in=in_force).order_by("title")


def _why_not(shown: ConflictRule, in_force: ConflictRule | None) -> str:
    """Why a version does not count."""
    if in_force is None:
        return "Given up" if shown.is_given_up else "Not in force"
    return "Earlier version" if shown.number < in_force.number else "Not in force"


def _shape(shown: ConflictRule, *, is_in_force: bool) -> Shape:
    read = conflict_queries.of(shown).rule
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


def _legs(shown: ConflictRule, actor: Actor, now: datetime) -> list[Shape]:
    read = conflict_queries.of(shown).rule
    names = dict(Resource.objects.visible_to(actor, now).filter(pk__in=_resources(read)).values_list("pk", "name"))
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
    """What a version changed, of which there is one before."""
    before = next((one for one in versions if one.number < shown.number), None)
    if before is None:
        return None
    old, new = ({} if one.is_given_up else {"rule": one.document} for one in (before, shown))
    found = kind.of("conflict_rule").changes(shown.code, old, new)
    return {"from": before.number, "rows": policy_rows.change_rows(found)}


def _actions(request: Request, now: datetime, shown: ConflictRule, *, is_in_force: bool) -> list[Shape]:
    """Another version, beginning with the one that is shown; one that does not count is proposed again."""
    href = reverse("rule_propose", args=[shown.code])
    if is_in_force:
        found = _propose(request, now, shown.code, href, "Propose a change")
        if conflict_queries.newer(shown) is not None:
            found += _propose(request, now, shown.code, f"{href}?from=shipped", "Propose the shipped text")
        return found
    return _propose(request, now, shown.code, f"{href}?from={shown.number}", "Propose this one again")


def _beginning(request: Request, now: datetime) -> list[Shape]:
    """The ways to propose rules that there are not yet: a file of them, or one that is written."""
    written = _propose(request, now, "", reverse("rule_new"), "Propose a rule")
    return (
        [{"label": "Bring in a matrix", "icon": "upload", "href": reverse("rule_import")}, *written] if written else []
    )


def _propose(request: Request, now: datetime, code: str, href: str, label: str) -> list[Shape]:
    """The way to propose, for whoever may."""
    no = proposal_transitions.propose.refusal(Proposal(kind="conflict_rule", target=code), actor=request.actor, now=now)
    return [{"label": label, "icon": "pen", "href": href}] if no is None else []


def _resources(rule: Any) -> set[int]:
    return {pk for leg in rule.sides for selector in leg.any for pk in selector.resources}


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
