"""Pages that propose or amend a conflict rule: as a form or as YAML, with a preview of its matches (S6, S8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods

from approvals.conflicts.matches import find_matches
from approvals.conflicts.rule_language.form import TOP_FIELDS, document_of, edited
from approvals.conflicts.rule_language.rule import EXAMPLE, TEXTS, Rule, draft_text, parse_rule, parse_text
from approvals.conflicts.views import conflicts, rule_form
from approvals.conflicts.views.conflict_rules import KIND
from approvals.conflicts.views.rule_form import RuleForm
from approvals.models import ConflictRule, Proposal
from approvals.policies import queries as policy_queries
from approvals.policies.yaml_document import InvalidDocument, Problem
from approvals.proposals.views import proposals
from governance.core.access import InvalidInput
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, number

TEMPLATE = "approvals/conflicts/rule_proposal.html"
#: Text of a new rule: an example of the syntax.
BLANK = EXAMPLE.read_text(encoding="utf-8")
#: Where the form of a new rule begins.
NEW: Mapping[str, Any] = {
    "rating": "medium",
    "mode": "record",
    "scope": "automation",
    "legs": [{"name": "", "any": [{}]}] * 2,
}
#: Subjects that the preview names; the others are counted.
MOST_MATCHES = 10


@require_http_methods(["GET", "POST"])
def propose(request: Request, code: str = "") -> HttpResponse:
    """Propose another version of a rule, or its end, from its newest or an earlier version; without a code, a new rule."""
    if not code:
        return _page(request, Proposal(kind=KIND, target=""), None, None)
    versions = ConflictRule.objects.filter(code=code).order_by("-number")
    rule = get_object_or_404(versions[:1])
    chosen = number(request.GET.get("from"))
    base = get_object_or_404(versions, number=chosen) if chosen else rule
    return _page(request, Proposal(kind=KIND, target=code), rule, base.document)


@require_http_methods(["GET", "POST"])
def amend(request: Request, pk: int) -> HttpResponse:
    """Amend a proposed rule while nobody has answered."""
    seen = Proposal.objects.visible_to(request.actor, request.now()).filter(kind=KIND)
    row = get_object_or_404(seen.select_related("proposed_by"), pk=pk)
    rule = ConflictRule.objects.filter(code=row.target).order_by("-number").first()
    document = row.document.get("rule") or (rule.document if rule is not None else None)
    return _page(request, row, rule, document)


@dataclass(frozen=True)
class Draft:
    """The rule as it was typed.

    Args:
        document: for the form, maybe not valid yet.
        text: for the text.
        rule: None if it is not valid.
        problems: why it is not valid.
    """

    document: Mapping[str, Any]
    text: str
    rule: Rule | None
    problems: Sequence[Problem] = ()


def _read(request: Request, target: str, begins: Mapping[str, Any] | None, *, as_text: bool) -> Draft:
    """Return the typed rule, or the one to begin with."""
    document = dict(begins or NEW)
    text = request.POST.get("text", draft_text(document) if begins else BLANK)
    if request.method == "POST" and not as_text:
        document = document_of(edited(dict(request.POST.lists()), request.POST.get("do", "")))
        document["code"] = target or document.get("code") or slugify(document.get("title", ""))[: TEXTS["code"]]
    try:
        rule = parse_text(text) if as_text else parse_rule(document)
    except InvalidDocument as error:
        return Draft(document, text if as_text else draft_text(document), None, error.problems)
    return Draft(rule.to_dict(), text if as_text else draft_text(rule.to_dict()), rule)


def _page(request: Request, row: Proposal, rule: ConflictRule | None, begins: Mapping[str, Any] | None) -> HttpResponse:
    now, is_new, order = request.now(), row._state.adding, request.POST.get("do", "")
    back = row.href if not is_new else rule.href if rule is not None else reverse("conflict_rules")
    if (refusal := proposals.refusal(request, row, now)) is not None:
        return proposals.show_refusal(request, row, refusal, now, back)
    as_text = "text" in request.POST or (request.method == "GET" and request.GET.get("as") == "text")
    draft, is_sent = _read(request, row.target, begins, as_text=as_text), order in ("propose", "give_up")
    if order.startswith("show ") and (draft.rule is not None or not as_text):
        as_text = order == "show text"
    initial = {field: draft.document.get(name, "") for name, field in TOP_FIELDS.items()}
    initial |= {name: request.POST.get(name, "") for name in ("reason", "at_once")} | {"text": draft.text}
    hours = policy_queries.in_force(now).at_once_hours if is_new else None
    form = RuleForm(
        request.POST if is_sent else None, initial=initial, as_text=as_text, has_code=bool(row.target), hours=hours
    )
    if is_sent and (made := _write(request, row, form, draft, now)) is not None:
        return redirect("proposal", made.pk)
    errors = _errors(form, draft.problems) if is_sent and order == "propose" else {}
    context = _parts(request, draft, errors, now) if not as_text else {}
    context |= {
        "target": row.target,
        "form": form,
        "as_text": as_text,
        "problems": draft.problems if as_text else (),
        "matches": lambda: _matches(request, draft.rule, now),
        "is_new": is_new,
        "rule": rule,
        "may_give_up": rule is not None and not rule.is_given_up,
        "back_href": back,
    }
    return page(request, TEMPLATE, context, fragment=("sections", "any", "matches"), status=422 if is_sent else 200)


def _write(request: Request, row: Proposal, form: RuleForm, draft: Draft, now: datetime) -> Proposal | None:
    """Create or amend the proposal. None, with errors in the form, if it can't be proposed."""
    document: Shape = {}
    if request.POST.get("do") == "propose":
        document = {"rule": draft.document}
    elif "text" in form.fields:
        form.fields["text"].required = False
    if not form.is_valid() or (document and draft.rule is None):
        return None
    row.target = row.target or draft.document.get("code", "")
    at_once = bool(form.cleaned_data.get("at_once"))
    try:
        return proposals.write(request, row, now, document, form.cleaned_data["reason"], at_once=at_once)
    except InvalidDocument as error:
        for problem in error.problems:
            form.add_error(None, str(problem))
    except InvalidInput as invalid:
        for _, sentence in invalid.refusal.detail or (("", invalid.refusal.words),):
            form.add_error(None, sentence.strip())
    return None


def _errors(form: RuleForm, problems: Sequence[Problem]) -> dict[str, str]:
    """Put each problem beside its field, and return those of the legs by place."""
    errors: dict[str, str] = {}
    for problem in problems:
        words = f"{problem.what[:1].upper()}{problem.what[1:]} {problem.to_do}".strip()
        field = TOP_FIELDS.get(problem.where, "")
        if field in form.fields and (field != "code" or form.data.get("title")):  # it is made from the title
            form.add_error(field, words)
        else:
            errors[problem.where] = words
    return errors


def _parts(request: Request, draft: Draft, errors: Mapping[str, str], now: datetime) -> Shape:
    """Return the legs for the form, the selector that htmx asked for, and suggested values."""
    suggestions = rule_form.suggestions(request.actor, now)
    names = {int(pk): name for pk, name in suggestions["suggested-resources"]}
    sections = rule_form.sections(draft.document, errors, names)
    selectors = [selector for section in sections for leg in section.legs for selector in leg.selectors]
    wanted = request.headers.get("HX-Target", "")
    selector = next((selector for selector in selectors if selector.key == wanted), None)
    return {"sections": sections, "selector": selector, "suggestions": suggestions}


def _matches(request: Request, rule: Rule | None, now: datetime) -> Shape | None:
    """Return the subjects that hold what the rule forbids now; None for a rule that is not valid yet."""
    if rule is None:
        return None
    count, matches = find_matches(rule, request.actor, now, MOST_MATCHES)
    names = conflicts.subject_names((match.scope, match.subject) for match in matches)
    rows = [(names.get((match.scope, match.subject), ""), match.legs) for match in matches]
    return {"count": count, "rows": rows, "more": count - len(rows), "scope": rule.scope}
