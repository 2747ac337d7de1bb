"""Propose a conflict rule: a new one, another version, or the end of one (S6, S8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.conflicts.rule_language.rule import InvalidRule
from approvals.conflicts.rule_language.text import EXAMPLE, parse_text, write_text
from approvals.models import ConflictRule, Proposal
from approvals.policies import queries as policy_queries
from approvals.policies.yaml_document import LARGEST_BYTES
from approvals.proposals.views import proposing
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refused
from governance.web.pages.page import page, refused
from governance.web.requests.request import Request, number

Shape = dict[str, Any]

KIND = "conflict_rule"
#: Text of a new rule: an example of the syntax.
BLANK = EXAMPLE.read_text(encoding="utf-8")


class RuleForm(forms.Form):
    """The rule as text, and the reason."""

    use_required_attribute = False

    text = forms.CharField(
        label="The rule",
        max_length=LARGEST_BYTES,
        widget=forms.Textarea(attrs={"rows": 24, "class": "control mono", "spellcheck": "false"}),
        help_text="YAML. Each part of a leg's “any” is enough; inside one, all that is given must hold.",
    )
    reason = forms.CharField(
        label="Why", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}), help_text="It stays on record."
    )
    at_once = forms.BooleanField(
        label="Let it act at once",
        required=False,
        help_text="Only a new rule, or a stricter mode and nothing else, can.",
    )

    def __init__(self, *args: Any, hours: int | None = None, **more: Any) -> None:
        """`hours` is how long a new rule may act before its countersignature; None for an amended proposal."""
        super().__init__(*args, **more)
        if hours is None:
            del self.fields["at_once"]
        else:
            field = self.fields["at_once"]
            over = f"It is over after {hours} hours unless a security reviewer countersigns it"
            field.help_text += f" {over}; signatures that it adds to open submissions stay."


@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """Propose a new rule; its code is in its text."""
    return _page(request, Proposal(kind=KIND, target=""), None, BLANK)


@require_http_methods(["GET", "POST"])
def propose(request: Request, code: str) -> HttpResponse:
    """Propose another version of a rule, or its end. Starts from the newest or an earlier text."""
    versions = ConflictRule.objects.filter(code=code).order_by("-number")
    rule = get_object_or_404(versions[:1])
    chosen = number(request.GET.get("from"))
    base = get_object_or_404(versions, number=chosen) if chosen else rule
    return _page(request, Proposal(kind=KIND, target=code), rule, write_text(base.document))


@require_http_methods(["GET", "POST"])
def amend(request: Request, pk: int) -> HttpResponse:
    """Amend a proposed rule while nobody has answered."""
    seen = (
        Proposal.objects.visible_to(request.actor, business_time.now()).filter(kind=KIND).select_related("proposed_by")
    )
    row = get_object_or_404(seen, pk=pk)
    rule = ConflictRule.objects.filter(code=row.target).order_by("-number").first()
    document = row.document.get("rule") or (rule.document if rule is not None else None)
    return _page(request, row, rule, write_text(document) if document is not None else BLANK)


def _page(request: Request, row: Proposal, rule: ConflictRule | None, begins: str) -> HttpResponse:
    now, is_new = business_time.now(), row._state.adding
    back = row.href if not is_new else rule.href if rule is not None else reverse("conflict_rules")
    hours = policy_queries.in_force(now).at_once_hours if is_new else None
    form = RuleForm(request.POST if request.method == "POST" else None, initial={"text": begins}, hours=hours)
    if (refusal := proposing.refusal(request, row, now)) is not None:
        return proposing.show_refusal(request, row, refusal, now, back)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("proposal", _write(request, row, form, now).pk)
        except InvalidRule as error:
            for problem in error.problems:
                form.add_error("text", str(problem))
        except InvalidInput as error:
            for _, sentence in error.refusal.detail or (("", error.refusal.words),):
                form.add_error("text", sentence.strip())
        except Refused as error:
            return refused(request, error.refusal, context={"back_href": back, "typed": form.cleaned_data["text"]})
    context: Shape = {
        "now": now,
        **_head(row, rule),
        "form": form,
        "is_new": is_new,
        "may_give_up": rule is not None and not rule.is_given_up,
        "back_href": back,
    }
    return page(request, "approvals/conflicts/rule_proposal.html", context, status=422 if form.errors else 200)


def _head(row: Proposal, rule: ConflictRule | None) -> Shape:
    title = f"Propose a change of “{rule.title}”" if rule is not None else "Propose a conflict rule"
    if not row._state.adding:
        title = f"Amend the proposal about “{rule.title if rule is not None else row.target}”"
    return {
        "crumbs": [
            {"label": "Conflicts", "href": reverse("conflict_list")},
            {"label": "Rules", "href": reverse("conflict_rules")},
            *([{"label": rule.title, "href": rule.href}] if rule is not None else []),
            {"label": "Propose" if row._state.adding else "Amend", "href": ""},
        ],
        "head": {
            "title": title,
            "facts": ["a security reviewer countersigns it", "what it would have caught in 90 days is counted first"],
        },
    }


def _write(request: Request, row: Proposal, form: RuleForm, now: datetime) -> Proposal:
    """Create or amend the proposal.

    Raises:
        InvalidRule: the text is not a valid rule.
        Refused: see `proposing.write`.
    """
    document: Shape = {}
    if request.POST.get("do") != "give_up":
        rule = parse_text(form.cleaned_data["text"])
        document, row.target = {"rule": rule.to_dict()}, row.target or rule.code
    at_once = bool(form.cleaned_data.get("at_once"))
    return proposing.write(request, row, now, document, form.cleaned_data["reason"], at_once=at_once)
