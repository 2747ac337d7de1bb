"""Import conflict rules: a matrix becomes a preview, and the preview becomes one proposal (S6, S8).

The file is read in memory and not stored. The parsed rules are in the page, signed. So nothing is stored before the
proposal, and the proposal is what the preview showed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.imports import comparison
from approvals.conflicts.imports.comparison import Comparison
from approvals.conflicts.rule_language.rule import Problem, Rule
from approvals.models import ConflictRule, Proposal
from approvals.proposals.kinds.conflict_rule import differences
from approvals.proposals.views import proposing
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refused
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


@require_http_methods(["GET", "POST"])
def rule_import(request: Request) -> HttpResponse:
    """Choose files, preview their rules, and propose them together."""
    now, row = business_time.now(), Proposal(kind=KIND, target="")
    if (refusal := proposing.refusal(request, row, now)) is not None:
        return proposing.show_refusal(request, row, refusal, now, reverse("conflict_rules"))
    if request.method != "POST":
        return _upload_page(request, now)
    return _propose(request, now) if "read" in request.POST else _read_files(request, now)


def _page(request: Request, now: datetime, title: str, facts: list[str], status: int, **context: Any) -> HttpResponse:
    crumbs = [
        {"label": "Conflicts", "href": reverse("conflict_list")},
        {"label": "Rules", "href": reverse("conflict_rules")},
        {"label": "Import", "href": ""},
    ]
    context |= {"now": now, "crumbs": crumbs, "head": {"title": title, "facts": facts}}
    return page(request, TEMPLATE, context, status=status)


def _upload_page(
    request: Request, now: datetime, sentence: str = "", to_do: str = "", status: int = 200
) -> HttpResponse:
    facts = ["nothing is in force before a security reviewer has countersigned it"]
    limit = f"up to {upload_limits.limit()} at once"
    problem = {"sentence": sentence, "to_do": to_do} if sentence else None
    return _page(request, now, "Import conflict rules", facts, status, limit=limit, problem=problem)


def _read_files(request: Request, now: datetime) -> HttpResponse:
    """Return the preview of the uploaded files, or why there is none."""
    files = [(file.name or "", file.read()) for file in request.FILES.getlist("files")]
    if not files and (number(request.META.get("CONTENT_LENGTH")) or 0) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
        sentence = f"This is more than {upload_limits.limit()}, which is the most that is taken at once."
        return _upload_page(request, now, sentence, "Import a part of it at a time.", 413)
    if not files:
        return _upload_page(request, now, "Nothing was chosen.", "Choose a CSV file.", 422)
    imported = comparison.parse_files(files)
    name = displayed(files[0][0], _NAME_LENGTH - 12) or "a file"
    read = {
        "name": name if len(files) == 1 else f"{name} and {len(files) - 1} more",
        "documents": list(imported.documents),
        "problems": [[problem.where, problem.what, problem.what_to_do] for problem in imported.problems],
    }
    return _preview(request, now, read, status=200 if imported.documents else 422)


def _compare(read: Mapping[str, Any], now: datetime) -> Comparison:
    return comparison.compare_rules(read["documents"], [stored.rule for stored in conflict_queries.in_force(now)])


def _preview(
    request: Request, now: datetime, read: Mapping[str, Any], *, typed: str = "", error: str = "", status: int = 200
) -> HttpResponse:
    compared = _compare(read, now)
    rules = [*compared.new, *(rule for rule, _ in compared.changed)]
    there = [(rule, rule) for rule in compared.same] + list(compared.elsewhere)
    preview = {
        "new": [(rule, ()) for rule in compared.new],
        "changed": [(rule, differences(before.to_dict(), rule.to_dict())) for rule, before in compared.changed],
        "there": [
            {"title": rule.title, "stands": stands.title, "href": ConflictRule(code=stands.code).href}
            for rule, stands in there
        ],
        "problems": [Problem(*problem) for problem in read["problems"]],
    }
    counts = (
        (len(compared.new), "new rule", ""),
        (len(compared.changed), "rule", " would change"),
        (len(there), "rule", " there already"),
        (len(read["problems"]), "thing", " left out"),
    )
    facts = [f"{times.counted(count, noun)}{suffix}" for count, noun, suffix in counts if count] or ["no rule in it"]
    form = {
        "read": sign_parsed_rules(read),
        "reason": {"value": typed, "error": error},
        "with_changed": "changed" in request.POST,
    }
    title = f"Rules of {read['name']}"
    return _page(request, now, title, facts, status, preview=preview, form=form if rules else None)


def sign_parsed_rules(read: Mapping[str, Any]) -> str:
    """Return the parsed rules for a form field: signed, so that they come back unchanged."""
    return signing.dumps(read, salt=_SALT, compress=True)


def _propose(request: Request, now: datetime) -> HttpResponse:
    """Create one proposal of the preview: the new rules and, if ticked, the changed ones."""
    try:
        read = signing.loads(request.POST["read"], salt=_SALT, max_age=_HOURS * 3600)
    except signing.BadSignature:
        sentence = "What was read of the file can't be read any more."
        return _upload_page(request, now, sentence, "Bring the file in again.", 422)
    reason, compared = request.POST.get("reason", ""), _compare(read, now)
    changed = [rule for rule, _ in compared.changed] if "changed" in request.POST else list[Rule]()
    rules = [*compared.new, *changed]
    if not rules:
        error = "Nothing else in the file is new: tick that rules of the same code change too."
        return _preview(request, now, read, typed=reason, error=error, status=422)
    document = {
        "rules": {rule.code: rule.to_dict() for rule in rules},
        "left_out": [str(Problem(*problem)) for problem in read["problems"]],
    }
    row = Proposal(kind=KIND, target=read["name"])
    try:
        return redirect("proposal", proposing.write(request, row, now, document, reason).pk)
    except InvalidInput as invalid:
        return _preview(request, now, read, typed=reason, error=invalid.refusal.sentence, status=422)
    except Refused as refusal:
        return refused(request, refusal.refusal, context={"back_href": reverse("rule_import"), "typed": reason})
