"""Pages of the conflict rules: the list by process, one rule with its conflicts and versions, and proposals (S6, S8)."""

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.rows import MODES
from approvals.conflicts.rule_language.rule import EXAMPLE, Rule, parse_text, write_text
from approvals.conflicts.views import conflicts
from approvals.models import Conflict, ConflictRule, ConflictState, Proposal
from approvals.policies import queries as policy_queries
from approvals.policies.diff import Change
from approvals.policies.yaml_document import LARGEST_BYTES, InvalidDocument
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds.conflict_rule import ConflictRuleKind
from approvals.proposals.views import proposals
from governance.core.access import Actor, InvalidInput
from governance.web.pages.page import Shape, page
from governance.web.requests.request import Request, number
from inventory.models import Resource

KIND = "conflict_rule"
#: Limit of conflicts on the page of a rule.
MOST = 20
#: Text of a new rule: an example of the syntax.
BLANK = EXAMPLE.read_text(encoding="utf-8")


@require_GET
def rule_list(request: Request) -> HttpResponse:
    """List the rules in force, with the number of conflicts that the reader may see."""
    now = request.now()
    seen = Conflict.objects.visible_to(request.actor, now).filter(state=ConflictState.OPEN).order_by()
    counts = dict(seen.values("code").annotate(count=Count("pk")).values_list("code", "count"))
    rules = sorted(ConflictRule.objects.in_force(now), key=lambda version: version.process)
    parsed = map(conflict_queries.parse_version, rules)
    rows = [(each.version, each.rule.sentence, counts.get(each.version.code)) for each in parsed]
    context = {
        "may_propose": _may_propose("", request.actor, now),
        "rows": rows,
        "given_up": _given_up(now),
    }
    return page(request, "approvals/conflicts/conflict_rules.html", context)


@require_GET
def rule(request: Request, code: str) -> HttpResponse:
    """Show a rule or one of its versions: legs, conflicts, open proposals and versions."""
    now, actor = request.now(), request.actor
    known = ConflictRule.objects.filter(code=code, effective_at__lte=now).order_by("-number")
    versions = list(known.select_related("proposed_by", "approved_by", "undoes"))
    in_force = ConflictRule.objects.in_force(now).filter(code=code).first()
    chosen = number(request.GET.get("version"))
    wanted = chosen or (in_force.number if in_force is not None else versions[0].number if versions else None)
    shown = next((version for version in versions if version.number == wanted), None)
    if shown is None:
        raise Http404
    before = next((version for version in versions if version.number < shown.number), None)
    parsed = conflict_queries.parse_version(shown).rule
    seen = Conflict.objects.visible_to(actor, now).filter(code=code, state=ConflictState.OPEN)
    rows = list(seen.telling_waived(now).select_related("rule").order_by("-pk")[:MOST])
    under_way = Proposal.objects.visible_to(actor, now).unanswered().filter(kind=KIND, target=code)
    context = {
        "is_version_asked": chosen is not None,
        "may_propose": _may_propose(code, actor, now),
        "version": shown,
        "rule": parsed,
        "mode_words": MODES[shown.mode] if shown == in_force else "",
        "text": write_text(shown.document),
        "legs": _leg_words(parsed, actor, now),
        "before": before,
        "changes": _changes(before, shown),
        "caught": conflicts.list_rows(rows, actor, now),
        "under_way": proposals.list_rows(under_way),
        "versions": versions,
        "in_force": in_force,
    }
    return page(request, "approvals/conflicts/conflict_rule.html", context)


def _given_up(now: datetime) -> QuerySet[ConflictRule]:
    """Return the newest version of each rule that is no longer in force."""
    newest = ConflictRule.objects.filter(effective_at__lte=now).order_by("code", "-number").distinct("code")
    in_force = ConflictRule.objects.in_force(now).values("code")
    return ConflictRule.objects.filter(pk__in=newest.values("pk")).exclude(code__in=in_force).order_by("title")


def _leg_words(rule: Rule, actor: Actor, now: datetime) -> list[tuple[Any, list[str]]]:
    """Return each leg with its selectors in words. Resources are named if the reader may see them."""
    ids = {pk for leg in rule.sides for selector in leg.any for pk in selector.resources}
    names = dict(Resource.objects.visible_to(actor, now).filter(pk__in=ids).values_list("pk", "name"))
    return [(leg, [selector.words(names) for selector in leg.any]) for leg in rule.sides]


def _changes(before: ConflictRule | None, shown: ConflictRule) -> tuple[Change, ...]:
    """Return what a version changed against the version before; nothing for the first version."""
    old, new = ({"rule": row.document} if row is not None and not row.is_given_up else {} for row in (before, shown))
    return ConflictRuleKind().changes(shown.code, old, new) if before is not None else ()


def _may_propose(code: str, actor: Actor, now: datetime) -> bool:
    """Return whether the reader may propose a version of a rule, or without a code a new rule."""
    return proposal_transitions.propose.refusal(Proposal(kind=KIND, target=code), actor=actor, now=now) is None


class RuleForm(forms.Form):
    """The rule as text, and the reason."""

    use_required_attribute = False

    text = forms.CharField(
        label="The rule",
        max_length=LARGEST_BYTES,
        widget=forms.Textarea(attrs={"rows": 24, "class": "control mono", "spellcheck": "false"}),
        help_text="YAML. Each part of a leg's “any” is enough; inside one, all that is given must hold.",
    )
    reason = proposals.reason_field()
    at_once = forms.BooleanField(label="Let it act at once", required=False)

    def __init__(self, *args: Any, hours: int | None = None, **more: Any) -> None:
        """`hours` is how long a new rule may act before its countersignature; None for an amended proposal."""
        super().__init__(*args, **more)
        if hours is None:
            del self.fields["at_once"]
        else:
            self.fields["at_once"].help_text = (
                f"Only a new rule, or a stricter mode and nothing else, can. It is over after {hours} hours unless a security "
                "reviewer countersigns it; approvals that it adds to open submissions stay."
            )


@require_http_methods(["GET", "POST"])
def propose(request: Request, code: str = "") -> HttpResponse:
    """Propose another version of a rule, or its end, from its newest or an earlier text; without a code, a new rule."""
    if not code:
        return _page(request, Proposal(kind=KIND, target=""), None, BLANK)
    versions = ConflictRule.objects.filter(code=code).order_by("-number")
    rule = get_object_or_404(versions[:1])
    chosen = number(request.GET.get("from"))
    base = get_object_or_404(versions, number=chosen) if chosen else rule
    return _page(request, Proposal(kind=KIND, target=code), rule, write_text(base.document))


@require_http_methods(["GET", "POST"])
def amend(request: Request, pk: int) -> HttpResponse:
    """Amend a proposed rule while nobody has answered."""
    seen = Proposal.objects.visible_to(request.actor, request.now()).filter(kind=KIND)
    row = get_object_or_404(seen.select_related("proposed_by"), pk=pk)
    rule = ConflictRule.objects.filter(code=row.target).order_by("-number").first()
    document = row.document.get("rule") or (rule.document if rule is not None else None)
    return _page(request, row, rule, write_text(document) if document is not None else BLANK)


def _page(request: Request, row: Proposal, rule: ConflictRule | None, begins: str) -> HttpResponse:
    now, is_new = request.now(), row._state.adding
    back = row.href if not is_new else rule.href if rule is not None else reverse("conflict_rules")
    hours = policy_queries.in_force(now).at_once_hours if is_new else None
    form = RuleForm(request.POST if request.method == "POST" else None, initial={"text": begins}, hours=hours)
    if (refusal := proposals.refusal(request, row, now)) is not None:
        return proposals.show_refusal(request, row, refusal, now, back)
    if request.method == "POST" and form.is_valid():
        try:
            return redirect("proposal", _write(request, row, form, now).pk)
        except InvalidDocument as error:
            for problem in error.problems:
                form.add_error("text", str(problem))
        except InvalidInput as error:
            for _, sentence in error.refusal.detail or (("", error.refusal.words),):
                form.add_error("text", sentence.strip())
    context: Shape = {
        "target": row.target,
        "form": form,
        "is_new": is_new,
        "rule": rule,
        "may_give_up": rule is not None and not rule.is_given_up,
        "back_href": back,
    }
    return page(request, "approvals/conflicts/rule_proposal.html", context, status=422 if form.errors else 200)


def _write(request: Request, row: Proposal, form: RuleForm, now: datetime) -> Proposal:
    """Create or amend the proposal.

    Raises:
        InvalidDocument: the text is not a valid rule.
        Refused: see `proposals.write`.
    """
    document: Shape = {}
    if request.POST.get("do") != "give_up":
        rule = parse_text(form.cleaned_data["text"])
        document, row.target = {"rule": rule.to_dict()}, row.target or rule.code
    at_once = bool(form.cleaned_data.get("at_once"))
    return proposals.write(request, row, now, document, form.cleaned_data["reason"], at_once=at_once)
