"""Import conflict rules: a matrix becomes a preview, and the preview becomes one proposal (S6, S8).

The file is read in memory and not stored. The parsed rules are in the page, signed. So nothing is stored before the
proposal, and the proposal is what the preview showed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.conflicts import members
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.held_access import required_legs
from approvals.conflicts.imports import comparison
from approvals.conflicts.imports.comparison import Comparison
from approvals.conflicts.rule_language.rule import Problem, Rule
from approvals.conflicts.views import rule_proposal
from approvals.models import ConflictRule, Proposal
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused
from governance.web.components import times
from governance.web.pages.page import page, refused
from governance.web.requests import upload_limits
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.importers.display import displayed

Shape = dict[str, Any]

KIND, TEMPLATE = "conflict_import", "approvals/conflicts/rule_import.html"
_SALT, _HOURS = "approvals.rule_import", 24
#: Characters of the file name in the target of a proposal.
_NAME_LENGTH = 60
CRUMBS = ({"label": "Conflicts", "url": "conflict_list"}, {"label": "Rules", "url": "conflict_rules"})
INVALID_PREVIEW = Refusal(
    "S8", "input", "What was read of the file can't be read any more.", "Bring the file in again."
)


@require_http_methods(["GET", "POST"])
def rule_import(request: Request) -> HttpResponse:
    """Choose files, preview their rules, and propose them together."""
    now, back = business_time.now(), reverse("conflict_rules")
    row = Proposal(kind=KIND, target="")
    refusal = proposal_transitions.propose.refusal(row, actor=request.actor, now=now)
    if refusal is not None:
        return rule_proposal.show_refusal(request, row, refusal, now, back)
    if request.method != "POST":
        return _upload_page(request, now)
    return _propose(request, now) if "read" in request.POST else _read_files(request, now)


def _upload_page(request: Request, now: datetime, problem: Shape | None = None, status: int = 200) -> HttpResponse:
    context = {
        "now": now,
        "crumbs": _crumbs(),
        "head": {
            "title": "Bring in conflict rules",
            "facts": ["nothing is in force before a security reviewer has countersigned it"],
        },
        "limit": f"up to {upload_limits.limit()} at once",
        "problem": problem,
        "preview": None,
    }
    return page(request, TEMPLATE, context, status=status)


def _crumbs() -> list[Shape]:
    way = [{"label": crumb["label"], "href": reverse(crumb["url"])} for crumb in CRUMBS]
    return [*way, {"label": "Bring in", "href": ""}]


def _read_files(request: Request, now: datetime) -> HttpResponse:
    """Return the preview of the uploaded files, or an error."""
    files = [(file.name or "", file.read()) for file in request.FILES.getlist("files")]
    if not files:
        return _upload_page(request, now, *_missing_file(request))
    if all(comparison.is_packed(data) for _, data in files):
        sentence = "This is no text: a workbook or another packed file."
        return _upload_page(
            request, now, {"sentence": sentence, "to_do": "Save the sheet as CSV and bring in that."}, 415
        )
    imported = comparison.parse_files(files)
    name = displayed(files[0][0], _NAME_LENGTH - 12) or "a file"
    read = {
        "name": name if len(files) == 1 else f"{name} and {len(files) - 1} more",
        "documents": list(imported.documents),
        "problems": [[problem.where, problem.what, problem.what_to_do] for problem in imported.problems],
    }
    return _preview(request, now, read, status=200 if imported.documents else 422)


def _missing_file(request: Request) -> tuple[Shape, int]:
    """Return why no file arrived: none was chosen, or the upload was too large."""
    if (number(request.META.get("CONTENT_LENGTH")) or 0) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
        sentence = f"This is more than {upload_limits.limit()}, which is the most that is taken at once."
        return {"sentence": sentence, "to_do": "Bring in a part of it at a time."}, 413
    return {"sentence": "Nothing was chosen.", "to_do": "Choose a CSV file."}, 422


def _preview(
    request: Request,
    now: datetime,
    read: Mapping[str, Any],
    *,
    typed: str = "",
    errors: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    comparison_result = comparison.compare_rules(
        read["documents"], [stored.rule for stored in conflict_queries.in_force(now)]
    )
    rules = [*comparison_result.new, *(rule for rule, _ in comparison_result.changed)]
    idle = members.rules_without_match(rules) or set()
    context = {
        "now": now,
        "crumbs": _crumbs(),
        "head": {"title": f"Rules of {read['name']}", "facts": _facts(comparison_result, read)},
        "limit": "",
        "problem": None,
        "preview": {
            "new": [_row(rule, idle) for rule in comparison_result.new],
            "changed": [
                _row(rule, idle) | {"changes": _changes(rule, before)} for rule, before in comparison_result.changed
            ],
            "there": [{"title": rule.title, "as": "", "href": _href(rule)} for rule in comparison_result.same]
            + [
                {"title": rule.title, "as": in_force.title, "href": _href(in_force)}
                for rule, in_force in comparison_result.elsewhere
            ],
            "problems": [dict(zip(("where", "what", "to_do"), problem, strict=True)) for problem in read["problems"]],
            "idle": len(idle),
        },
        "form": {
            "read": sign_parsed_rules(read),
            "reason": {"value": typed, "errors": errors},
            "with_changed": "changed" in request.POST,
            "again_href": reverse("rule_import"),
        }
        if rules
        else None,
    }
    return page(request, TEMPLATE, context, status=status)


def sign_parsed_rules(read: Mapping[str, Any]) -> str:
    """Return the parsed rules for a form field: signed, so that they come back unchanged."""
    return signing.dumps(read, salt=_SALT, compress=True)


def _facts(comparison_result: Comparison, read: Mapping[str, Any]) -> list[str]:
    in_force_count = len(comparison_result.same) + len(comparison_result.elsewhere)
    counts = (
        (len(comparison_result.new), "new rule", ""),
        (len(comparison_result.changed), "rule", " would change"),
        (in_force_count, "rule", " there already"),
        (len(read["problems"]), "thing", " left out"),
    )
    return [f"{times.counted(count, noun)}{suffix}" for count, noun, suffix in counts if count] or ["no rule in it"]


def _row(rule: Rule, idle: set[str]) -> Shape:
    return {
        "code": rule.code,
        "title": rule.title,
        "sentence": rule.sentence,
        "means": [leg.words() for leg in required_legs(rule)],
        "rating": rule.rating,
        "mode": rule.mode,
        "is_idle": rule.code in idle,
    }


def _changes(rule: Rule, before: Rule) -> list[Shape]:
    kind = kind_kind.kind_of("conflict_rule")
    changes = kind.changes(rule.code, {"rule": before.to_dict()}, {"rule": rule.to_dict()})
    return [{"label": change.label, "before": change.before, "after": change.after} for change in changes]


def _href(rule: Rule) -> str:
    return ConflictRule(code=rule.code).href


def _propose(request: Request, now: datetime) -> HttpResponse:
    """Create one proposal of the preview: the new rules and, if ticked, the changed ones."""
    try:
        read = signing.loads(request.POST["read"], salt=_SALT, max_age=_HOURS * 3600)
    except signing.BadSignature:
        return _upload_page(request, now, {"sentence": INVALID_PREVIEW.sentence, "to_do": INVALID_PREVIEW.to_do}, 422)
    reason = request.POST.get("reason", "")
    comparison_result = comparison.compare_rules(
        read["documents"], [stored.rule for stored in conflict_queries.in_force(now)]
    )
    rules = [
        *comparison_result.new,
        *((rule for rule, _ in comparison_result.changed) if "changed" in request.POST else ()),
    ]
    if not rules:
        return _preview(
            request,
            now,
            read,
            typed=reason,
            errors=["Nothing else in the file is new: tick that rules of the same code change too."],
            status=422,
        )
    document = {
        "rules": {rule.code: rule.to_dict() for rule in rules},
        "left_out": [str(Problem(*problem)) for problem in read["problems"]],
    }
    row = Proposal(kind=KIND, target=read["name"])
    try:
        proposal = proposal_transitions.propose(row, actor=request.actor, now=now, reason=reason, document=document)
    except InvalidInput as error:
        return _preview(request, now, read, typed=reason, errors=[error.refusal.sentence], status=422)
    except Refused as error:
        return refused(request, error.refusal, context={"back_href": reverse("rule_import"), "typed": reason})
    return redirect("proposal", proposal.pk)
