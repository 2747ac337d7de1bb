"""Pages of the policy: the version in force, each version, and open proposals (S8). Every signed-in person may read
them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.models import PolicyVersion, Proposal
from approvals.models.policy import DEFAULT
from approvals.policies import diff
from approvals.policies import document as policy_document
from approvals.policies import queries as kept
from approvals.policies.views import rows as policy_rows
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.views.rows import list_rows
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.roles.roles import Permission
from governance.web.pages import pager
from governance.web.pages.page import page
from governance.web.requests.request import Request

Shape = dict[str, Any]


def _versions() -> Any:
    return PolicyVersion.objects.filter(kind=DEFAULT).select_related("proposed_by", "approved_by", "restores")


@require_GET
def policies(request: Request) -> HttpResponse:
    """Show the policy in force, open proposals and all versions."""
    now = business_time.now()
    in_force = kept.in_force(now)
    version = _versions().get(pk=in_force.version.pk)
    paged = pager.newest_first(_versions(), request.GET, reverse("policies"))
    document = kept.with_shipped_parts(in_force.document)
    under_way = Proposal.objects.visible_to(request.actor, now).unanswered().filter(kind="policy")
    context = {
        "now": now,
        "head": {
            "title": "Policy",
            "facts": [
                {"text": f"version {version.number} is in force", "href": version.href, "strong": True},
                version.signed_words,
            ],
            "actions": _actions(request.actor, now),
        },
        "version": version,
        "tiers": policy_rows.by_tier(document),
        "facts": policy_rows.facts(document),
        "under_way": list_rows(under_way),
        "history": paged.rows,
        "pager": paged,
    }
    return page(request, "approvals/policies/policies.html", context)


def _actions(actor: Actor, now: datetime) -> list[Shape]:
    actions: list[Shape] = []
    if access.may(actor, Permission.PROPOSAL_READ, None, now=now):
        actions.append({"label": "All proposals", "href": reverse("proposals")})
    if _may_propose(actor, now):
        actions.append({"label": "Propose a change", "href": reverse("policy_propose"), "kind": "filled"})
    return actions


def _may_propose(actor: Actor, now: datetime) -> bool:
    """Return whether the reader may propose: not during another proposal."""
    row = Proposal(kind="policy", target=DEFAULT)
    return proposal_transitions.propose.refusal(row, actor=actor, now=now) is None


@require_GET
def policy(request: Request, number: int) -> HttpResponse:
    """Show one version: its content, its changes and its text."""
    now = business_time.now()
    version = _versions().filter(number=number).first()
    if version is None:
        raise Http404
    before = _versions().filter(number__lt=number).first()
    document = kept.with_shipped_parts(version.document)
    is_in_force = kept.in_force(now).version.pk == version.pk
    is_offered = not is_in_force and _may_propose(request.actor, now)
    again = {"label": "Propose this one again", "href": f"{reverse('policy_propose')}?from={number}"}
    context = {
        "now": now,
        "crumbs": [{"label": "Policy", "href": reverse("policies")}, {"label": f"Version {number}", "href": ""}],
        "head": {
            "title": f"Policy, version {number}",
            "tag": {"text": "In force", "tone": "ok"} if is_in_force else None,
            "facts": [version.signed_words],
            "actions": [again] if is_offered else [],
        },
        "version": version,
        "proposal_href": _proposal_href(version, request.actor, now),
        "compared_to": before.number if before is not None else None,
        "changes": diff.changes(kept.with_shipped_parts(before.document), document) if before is not None else (),
        "tiers": policy_rows.by_tier(document),
        "facts": policy_rows.facts(document),
        "text": policy_document.as_text(document),
    }
    return page(request, "approvals/policies/policy.html", context)


def _proposal_href(version: PolicyVersion, actor: Actor, now: datetime) -> str:
    """Return the page of the version's proposal, if the reader may see it."""
    if version.proposal_id is None:
        return ""
    proposal = Proposal.objects.visible_to(actor, now).filter(pk=version.proposal_id).first()
    return proposal.href if proposal is not None else ""
