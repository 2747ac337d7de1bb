"""Pages that edit a policy: as text with errors by line, or as a form; with a preview of the changes before proposing
(S8).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.models import PolicyVersion, Proposal
from approvals.models.policy import DEFAULT
from approvals.policies import diff
from approvals.policies import document as policy_document
from approvals.policies import queries as kept
from approvals.policies.document import Result
from approvals.policies.views.policy_form import PolicyForm
from approvals.policies.yaml_document import Problem
from approvals.proposals.views import proposing
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refused
from governance.web.pages.page import page, refused
from governance.web.requests.request import Request
from governance.web.requests.request import number as asked_number

Shape = dict[str, Any]

TEMPLATE = "approvals/policies/policy_edit.html"


@require_http_methods(["GET", "POST"])
def policy_propose(request: Request) -> HttpResponse:
    """Propose a policy, starting from the one in force or an earlier version."""
    now = business_time.now()
    row = Proposal(kind="policy", target=DEFAULT)
    if (refusal := proposing.refusal(request, row, now)) is not None:
        return proposing.show_refusal(request, row, refusal, now, reverse("policies"))
    chosen = asked_number(request.GET.get("from"))
    base = get_object_or_404(PolicyVersion, kind=DEFAULT, number=chosen) if chosen else kept.in_force(now).version
    return _edit(request, row, kept.with_shipped_parts(base.document), now, begins_with=base.number)


@require_http_methods(["GET", "POST"])
def policy_amend(request: Request, pk: int) -> HttpResponse:
    """Amend a proposed policy before its first answer."""
    now = business_time.now()
    seen = Proposal.objects.visible_to(request.actor, now).filter(kind="policy").select_related("proposed_by")
    row = get_object_or_404(seen, pk=pk)
    if (refusal := proposing.refusal(request, row, now)) is not None:
        return proposing.show_refusal(request, row, refusal, now, row.href)
    return _edit(request, row, kept.with_shipped_parts(row.document), now, begins_with=None)


def _edit(
    request: Request, row: Proposal, base: dict[str, Any], now: datetime, *, begins_with: int | None
) -> HttpResponse:
    as_form = (request.POST or request.GET).get("as") == "form"
    in_force = kept.with_shipped_parts(kept.in_force(now).document)
    form = PolicyForm(base, request.POST if request.method == "POST" and as_form else None) if as_form else None
    typed = request.POST.get("text", policy_document.as_text(base))
    result, status, error = _read(request, form, base, typed)
    if result is not None and result.problems:
        status = 422
    if result is not None and not result.problems and request.POST.get("do") == "propose":
        try:
            reason, at_once = request.POST.get("reason", ""), request.POST.get("at_once") == "yes"
            made = proposing.write(request, row, now, dict(result.document), reason, at_once=at_once)
            return redirect("proposal", made.pk)
        except InvalidInput as invalid:
            status, error = invalid.status, invalid.refusal.sentence
        except Refused as refused_error:
            return refused(request, refused_error.refusal, context={"back_href": reverse("policies"), "typed": typed})
    changes = diff.changes(in_force, result.document) if result is not None and not result.problems else ()
    context = _context(request, row, as_form=as_form, begins_with=begins_with) | {
        "now": now,
        "form": form,
        "text": typed,
        "problems": result.problems if result is not None else (),
        "is_read": result is not None and not result.problems,
        "changes": changes,
        "tightens": diff.tightens(changes),
        "reason": {"value": request.POST.get("reason", ""), "error": error},
        "at_once": request.POST.get("at_once") == "yes",
        "hours": kept.in_force(now).at_once_hours,
    }
    return page(request, TEMPLATE, context, status=status)


def _read(
    request: Request, form: PolicyForm | None, base: Mapping[str, Any], typed: str
) -> tuple[Result | None, int, str]:
    """Return what was typed, parsed; None without a POST or with an invalid form."""
    if request.method != "POST":
        return None, 200, ""
    if form is None:
        return policy_document.from_text(typed), 200, ""
    if not form.is_valid():
        return None, 422, ""
    result = policy_document.from_data(form.document(base))
    _add_field_errors(form, result.problems)
    return result, 200, ""


def _add_field_errors(form: PolicyForm, problems: tuple[Problem, ...]) -> None:
    """Add problems to the fields that they are about."""
    for problem in problems:
        where = (
            problem.where if problem.where in form.fields else problem.where.rpartition(".")[0]
        )  # if it is a list value, the field of the list
        if where in form.fields:
            form.add_error(where, f"{problem.what} {problem.to_do}".strip())


def _context(request: Request, row: Proposal, *, as_form: bool, begins_with: int | None) -> Shape:
    is_new = row._state.adding
    back_href = reverse("policies") if is_new else row.href
    title = "Propose a change of the policy" if is_new else "Amend the proposed policy"
    chosen = asked_number(request.GET.get("from"))
    query = f"&from={chosen}" if chosen else ""
    return {
        "crumbs": [{"label": "Policy", "href": reverse("policies")}, {"label": title, "href": ""}],
        "head": {
            "title": title,
            "facts": [f"begins with version {begins_with}"]
            if begins_with is not None
            else ["begins with what was proposed"],
        },
        "tabs": [
            {"key": "text", "label": "As text", "href": f"?as=text{query}", "current": not as_form},
            {"key": "form", "label": "As a form", "href": f"?as=form{query}", "current": as_form},
        ],
        "as_form": as_form,
        "is_new": is_new,
        "back_href": back_href,
    }
