"""Pages of the policy: the version in force, each version, and open proposals (S8). Every signed-in person may read
them.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from approvals.models import GrantUsage, PolicyVersion, Proposal
from approvals.models.policy import DEFAULT
from approvals.policies import diff
from approvals.policies import document as policy_document
from approvals.policies import queries as kept
from approvals.policies.schema import TIERS
from approvals.proposals.views.proposals import list_rows, may_propose
from governance.core.access import Permission, access
from governance.web.components import times
from governance.web.components.facts import Fact
from governance.web.pages import pager
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request

UNUSED_DAYS = ("events", "unused_days")
SIGNED_BY = {"lead": "team lead", "owner": "resource owner", "security": "security"}
#: Rows of the table: label, path of the part, unit.
BY_TIER = (
    ("Approvals of the app", ("seats", "app"), ""),
    ("Approvals of a privilege", ("seats", "privilege"), ""),
    ("Approvals of a credential", ("seats", "credential"), ""),
    ("Longest term of a grant", ("longest_term",), "day"),
    ("Up for review after", ("review_after",), "day"),
    ("Due after", ("due_working_days",), "working day"),
    ("Expires after", ("expires_working_days",), "working day"),
    ("A sign-in no older than", ("fresh_sign_in_minutes",), "minute"),
)


def _versions() -> Any:
    return PolicyVersion.objects.filter(kind=DEFAULT).select_related("proposed_by", "approved_by", "restores")


@require_GET
def policies(request: Request) -> HttpResponse:
    """Show the policy in force, open proposals and all versions."""
    now = request.now()
    in_force = kept.in_force(now)
    version = _versions().get(pk=in_force.version.pk)
    paged = pager.newest_first(_versions(), request.GET, reverse("policies"))
    document = kept.with_shipped_parts(in_force.document)
    under_way = Proposal.objects.visible_to(request.actor, now).unanswered().filter(kind="policy")
    context = {
        "may_read_proposals": access.may(request.actor, Permission.PROPOSAL_READ, None, now=now),
        "may_propose": may_propose("policy", DEFAULT, request.actor, now),
        "version": version,
        "tiers": by_tier(document),
        "facts": facts(document),
        "under_way": list_rows(under_way),
        "history": paged.rows,
        "pager": paged,
    }
    return page(request, "approvals/policies/policies.html", context)


@require_GET
def policy(request: Request, number: int) -> HttpResponse:
    """Show one version: its content, its changes and its text."""
    now = request.now()
    version = get_object_or_404(_versions(), number=number)
    before = _versions().filter(number__lt=number).first()
    document = kept.with_shipped_parts(version.document)
    is_in_force = kept.in_force(now).version.pk == version.pk
    context = {
        "is_in_force": is_in_force,
        "may_propose": not is_in_force and may_propose("policy", DEFAULT, request.actor, now),
        "version": version,
        "proposal": Proposal.objects.visible_to(request.actor, now).filter(pk=version.proposal_id).first(),
        "before": before,
        "changes": diff.changes(kept.with_shipped_parts(before.document), document) if before is not None else (),
        "tiers": by_tier(document),
        "facts": facts(document),
        "text": policy_document.as_text(document),
    }
    return page(request, "approvals/policies/policy.html", context)


#: Settings that list the tiers they hold for.
WHICH_TIERS = {"Two different owners": "two_owners", "Decided with a second factor": "second_factor"}


def by_tier(document: Mapping[str, Any]) -> list[Shape]:
    """Return settings that depend on the tier: a label and cells for low, standard and high."""
    rows = []
    for label, path, unit in BY_TIER:
        part = document
        for name in path:
            part = part[name]
        rows.append({"label": label, "cells": [_cell(part.get(tier), unit) for tier in TIERS]})
    for label, name in WHICH_TIERS.items():
        cells = ["yes" if tier in document.get(name, ()) else "–" for tier in TIERS]
        rows.append({"label": label, "cells": cells})
    return rows


def _cell(value: Any, unit: str) -> str:
    if value is None:
        return "–"
    if isinstance(value, list):
        return " and ".join(SIGNED_BY[label] for label in value)
    return times.counted(value, unit)


def facts(document: Mapping[str, Any]) -> list[Fact]:
    """Return settings that do not depend on the tier, for ``components/facts.html``."""
    parts_by_tier = {path[0] for _, path, _ in BY_TIER} | set(WHICH_TIERS.values())
    not_measured = "" if GrantUsage.objects.exists() else "; not measured in this installation yet"
    return [
        Fact(diff.words_of(path, value) + (not_measured if path == UNUSED_DAYS else ""), diff.label_of(path))
        for path, value in diff.leaves(document)
        if path[0] not in parts_by_tier
    ]
