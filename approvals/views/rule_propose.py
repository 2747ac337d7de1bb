"""Proposing a conflict rule: a new one, another version of one, or that nobody is to ask for it any more (S6, S8)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import yaml
from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.conflicts import texts
from approvals.conflicts.rules import NotARule
from approvals.models import ConflictRule, Proposal
from approvals.policy.yaml_lines import LARGEST_BYTES
from approvals.transitions import proposing
from governance.controls import clock
from governance.controls.refusals import InvalidInput, Refusal, Refused
from governance.web.middleware import Request
from governance.web.pages import page, refused

Shape = dict[str, Any]

KIND = "conflict_rule"
#: What a new rule begins with: enough to see how one is written.
BLANK = """code: vendor-and-payment
title: Make a vendor and pay it
process: Procure to pay
rating: high          # low, medium, high
mode: record          # record: shown; approval: one signature more; enforce: refused
scope: automation     # automation, identity, owner, team, chain
reason: Whoever can do both can pay a vendor that does not exist.
resolve: Let another automation pay, with another owner.
legs:
  - name: Make or change a vendor
    any:
      - tags: [vendor.write]
      - codes: ["*vendor*create*"]
        levels: [write, admin]
  - name: Release a payment
    any:
      - tags: [payment.release]
"""


class RuleForm(forms.Form):
    """The rule as text, and why."""

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


@require_http_methods(["GET", "POST"])
def new(request: Request) -> HttpResponse:
    """Propose a rule that there is not yet; its code is in its text."""
    return _page(request, None, BLANK)


@require_http_methods(["GET", "POST"])
def propose(request: Request, code: str) -> HttpResponse:
    """Propose another version of a rule, or to give it up."""
    last = ConflictRule.objects.filter(code=code).order_by("-number").first()
    rule = get_object_or_404(ConflictRule, pk=last.pk if last is not None else None)
    return _page(request, rule, yaml.safe_dump(rule.document, sort_keys=False, allow_unicode=True, width=100))


def _page(request: Request, rule: ConflictRule | None, begins: str) -> HttpResponse:
    now, back = clock.now(), rule.href if rule is not None else reverse("conflict_rules")
    form = RuleForm(request.POST if request.method == "POST" else None, initial={"text": begins})
    row = Proposal(kind=KIND, target=rule.code if rule is not None else "")
    no = proposing.propose.refusal(row, actor=request.actor, now=now)
    if no is not None:
        return say_no(request, row, no, now, back)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("proposal", _proposed(request, rule, form, now).pk)
        except NotARule as error:
            for one in error.problems:
                form.add_error("text", str(one))
        except InvalidInput as error:
            for _, said in error.refusal.detail or (("", f"{error.refusal.sentence} {error.refusal.to_do}"),):
                form.add_error("text", said.strip())
        except Refused as error:
            return refused(request, error.refusal, context={"back_href": back, "typed": form.cleaned_data["text"]})
    context: Shape = {
        "now": now,
        "crumbs": [
            {"label": "Conflicts", "href": reverse("conflict_list")},
            {"label": "Rules", "href": reverse("conflict_rules")},
            *([{"label": rule.title, "href": rule.href}] if rule is not None else []),
            {"label": "Propose", "href": ""},
        ],
        "head": {
            "title": f"Propose a change of “{rule.title}”" if rule is not None else "Propose a conflict rule",
            "facts": ["a security reviewer countersigns it", "what it would have caught in 90 days is counted first"],
        },
        "form": form,
        "may_give_up": rule is not None and not rule.is_given_up,
        "back_href": back,
    }
    return page(request, "approvals/rule_propose.html", context, status=422 if form.errors else 200)


def _proposed(request: Request, rule: ConflictRule | None, form: RuleForm, now: datetime) -> Proposal:
    """Make the proposal.

    Raises:
        NotARule: the text is none.
        Refused: see `proposing.propose`.
    """
    document: Shape = {}
    code = rule.code if rule is not None else ""
    if request.POST.get("do") != "give_up":
        read = texts.parse(form.cleaned_data["text"])
        document, code = {"rule": read.to_dict()}, code or read.code
    made = Proposal(kind=KIND, target=code)
    return proposing.propose(made, actor=request.actor, now=now, reason=form.cleaned_data["reason"], document=document)


def say_no(request: Request, row: Proposal, no: Refusal, now: datetime, back: str) -> HttpResponse:
    """Say that somebody may not propose this; what somebody tried is on record (S5)."""
    if request.method == "POST":
        try:
            proposing.propose(row, actor=request.actor, now=now, document={})
        except Refused as error:
            no = error.refusal
    return refused(request, no, context={"back_href": back, "typed": request.POST.get("text", "")})
