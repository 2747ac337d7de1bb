"""Pages of waivers: request one, decide about it, end it, and the list (S7)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.conflicts.rows import words_of
from approvals.conflicts.views import rows as conflict_rows
from approvals.models import ConflictRule, Waiver
from approvals.policies import queries as policy_queries
from approvals.waivers import transitions as waiver_transitions
from governance.core.access import Actor, InvalidInput, OutOfTurn, Refusal, invalid, refuse
from governance.core.engine.transition import Transition
from governance.web.components import times
from governance.web.pages import pager
from governance.web.pages.page import Shape, confirm, finish, form_page, page, refused, timeline_context
from governance.web.requests.request import Request, number, visible_row
from inventory.models import Automation, Privilege

TEMPLATE = "approvals/waivers/waiver.html"
#: Relations of a waiver that its page reads.
RELATED = ("automation__team", "asked_by", "decided_by", "decided_for", "reason", "control", "follows")
#: Default of the form.
USUAL_DAYS = 30
NOTHING_TO_WAIVE = Refusal(
    "S7", "state", "There is nothing here that a waiver could be asked for.", "It was resolved or waived already."
)
#: Limit of waivers on the pages of automations and reviews.
MOST = 5
#: Labels of the chips, by the value in the URL.
SHOWN = {"": "Waiting", "live": "Live", "over": "Over"}


class AskForm(forms.Form):
    """The form of a waiver request."""

    #: The operation checks the choice under its lock. The form loads the choices when it is shown.
    conflict = forms.RegexField(
        r"\A[a-z0-9-]{1,60}/[0-9]{1,18}\Z",
        label="Which conflict",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one.", "invalid": "Choose one of the list."},
    )
    reason = forms.CharField(label="Why it is needed all the same", widget=forms.Textarea(attrs={"rows": 3}))
    control = forms.CharField(
        label="What limits the harm until then",
        help_text="A compensating control: who looks at what, how often, what limits it.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    days = forms.IntegerField(label="For how many days", min_value=1)

    def __init__(self, *args: Any, policy: policy_queries.Policy, **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["days"].widget.attrs["max"] = policy.waiver_days
        self.fields["days"].help_text = f"At most {policy.waiver_days}."
        self.initial.setdefault("days", min(policy.waiver_days, USUAL_DAYS))

    def offer(self, automation: Automation, now: datetime) -> bool:
        """Set the conflicts to choose from. Return whether there are any."""
        field, conflicts = self.fields["conflict"], waiver_transitions.waivable_conflicts(automation, now)
        choices = [(f"{conflict.standing.rule.code}/{conflict.subject}", conflict.sentence) for conflict in conflicts]
        field.widget.choices = choices
        if len(choices) == 1:
            field.initial = self.initial["conflict"] = choices[0][0]
        return bool(choices)


@require_http_methods(["GET", "POST"])
def ask(request: Request, pk: int) -> HttpResponse:
    """Request a waiver for a conflict of an automation."""
    automation, now = visible_row(request, Automation, pk, "team")
    refusal = waiver_transitions.ask_waiver.refusal(automation, actor=request.actor, now=now)
    policy = policy_queries.in_force(now)
    subject_id = number(request.GET.get("of"))
    chosen = f"{request.GET.get('rule', '')}/{subject_id}" if subject_id is not None else ""
    form = AskForm(request.POST or None, initial={"conflict": chosen}, policy=policy)
    if refusal is None and not form.is_valid() and not form.offer(automation, now):
        return refused(request, NOTHING_TO_WAIVE, context={"back_href": automation.href})

    def act(form_data: dict[str, Any]) -> Any:
        code, _, subject_id = form_data.pop("conflict").rpartition("/")
        facts: dict[str, Any] = {"code": code, "subject_id": int(subject_id), **form_data}
        try:
            return waiver_transitions.ask_waiver(automation, actor=request.actor, now=now, **facts)
        except InvalidInput:
            form.offer(automation, now)  # for the form with errors
            raise

    return form_page(
        request,
        form,
        act,
        title=f"Ask for a waiver for {automation.name}",
        label="Ask security",
        back=automation.href,
        text="A security reviewer who gains nothing by it decides. A waiver lifts the refusal only: approvers still see the conflict, and an extra "
        "approval is still needed. It covers the access that is in conflict now, lasts at "
        f"most {times.counted(policy.waiver_days, 'day')}, and {_follow_words(policy)}",
        refusal=refusal,
        message=lambda: "Your request is sent. A security reviewer decides about it.",
    )


def _follow_words(policy: policy_queries.Policy) -> str:
    if policy.waivers_in_a_row == 1:
        return "none may follow it."
    return "two may follow each other: the next can be asked for in the last two weeks and begins where the first ends."


@require_http_methods(["GET", "POST"])
def waiver(request: Request, pk: int) -> HttpResponse:
    """Show one waiver: its access, reason and control, and the decision form if the reader may decide."""
    row, now = visible_row(request, Waiver, pk, *RELATED)
    errors, status = dict[str, str](), 200
    if request.method == "POST":
        try:
            return finish(request, _decide(request, row, now), row.href)
        except InvalidInput as error:
            field = error.refusal.detail[0][0] if error.refusal.detail else "reason"
            errors, status = {field: error.refusal.sentence}, error.status
        except OutOfTurn as error:
            if error.refusal.kind != "stale":
                raise
            (row, now), errors = visible_row(request, Waiver, pk, *RELATED), {"stale": error.refusal.sentence}
            status = error.status
    return page(request, TEMPLATE, _context(row, request.actor, now, errors), status=status)


def _decide(request: Request, row: Waiver, now: datetime) -> Transition[Waiver]:
    """Grant or refuse a waiver, as the form says; return what was done. An invalid term never becomes the longest."""
    facts: dict[str, Any] = {"actor": request.actor, "now": now, "reason": request.POST.get("reason", "")}
    verdict, days = request.POST.get("verdict"), number(request.POST.get("days"))
    if verdict == "refuse":
        waiver_transitions.refuse_waiver(row, **facts)
        return waiver_transitions.refuse_waiver
    if verdict != "grant":
        raise refuse(Refusal("S7", "input", "Say whether it is granted or not; what you typed is still there."))
    if days is None and "days" in request.POST:
        raise invalid("S7", "days", f"A term is a number of days: 1 to {row.days}.")
    waiver_transitions.grant_waiver(row, **facts, shown_digest=request.POST.get("rule"), days=days)
    return waiver_transitions.grant_waiver


@require_http_methods(["GET", "POST"])
def withdraw(request: Request, pk: int) -> HttpResponse:
    """Withdraw a request."""
    return confirm(
        request,
        visible_row(request, Waiver, pk, *RELATED)[0],
        waiver_transitions.withdraw_waiver,
        title="Withdraw this request?",
        text="Security is asked no more. What is in conflict stays as it is.",
        label="Withdraw it",
        kind="filled",
    )


@require_http_methods(["GET", "POST"])
def end(request: Request, pk: int) -> HttpResponse:
    """End a waiver before its term is over."""
    return confirm(
        request,
        visible_row(request, Waiver, pk, *RELATED)[0],
        waiver_transitions.end_waiver,
        title="End this waiver now?",
        text="What it allows is in conflict again from this moment: it can’t be submitted where its rule is enforced, and what is held has to "
        "be resolved.",
        label="End it now",
    )


def _context(waiver: Waiver, actor: Actor, now: datetime, errors: Mapping[str, str]) -> Shape:
    versions = ConflictRule.objects.filter(code=waiver.code)
    rule = versions.in_force(now).first() or versions.order_by("-number")[0]
    refusal = waiver_transitions.grant_waiver.refusal(waiver, actor=actor, now=now)
    policy = policy_queries.in_force(now)
    may_ask = waiver_transitions.ends_soon(waiver, now) and waiver.in_a_row < policy.waivers_in_a_row
    may_ask &= waiver_transitions.ask_waiver.refusal(waiver.automation, actor=actor, now=now) is None
    return timeline_context(waiver, actor=actor, now=now, limit=20) | {
        "ask_href": conflict_rows.ask_href(waiver.automation_id, waiver.code, waiver.subject) if may_ask else "",
        "may_withdraw": waiver_transitions.withdraw_waiver.refusal(waiver, actor=actor, now=now) is None,
        "may_end": waiver_transitions.end_waiver.refusal(waiver, actor=actor, now=now) is None,
        "waiver": waiver,
        "state": waiver.state_at(now),
        "covers": _covered_access(waiver, actor, now),
        "rule": rule,
        "is_another": rule.digest != waiver.rule_digest,
        "may_decide": refusal is None,
        "most": min(waiver.days, policy.waiver_days),
        "errors": errors,
        "locked": refusal if refusal is not None and refusal.kind != "state" else None,
    }


def _covered_access(waiver: Waiver, actor: Actor, now: datetime) -> list[str]:
    """Return the access that it covers in words, for automations that the reader may see. Other access is counted."""
    automation_ids = {key.partition("/")[0] for key in waiver.covers}
    seen = Automation.objects.visible_to(actor, now).filter(pk__in=automation_ids)
    names = {str(pk): name for pk, name in seen.order_by().values_list("pk", "name")}
    keys = [key.partition("/")[2] for key in waiver.covers]
    privileges = Privilege.objects.filter(version__automation__in=seen, key__in=keys).order_by("version_id")
    rows = privileges.select_related("entitlement__resource", "version")
    sentences = {f"{row.version.automation_id}/{row.key}": row.sentence for row in rows}
    words = {key: sentences.get(key) or words_of(key) for key in waiver.covers}
    shown = [(key, text) for key, text in words.items() if text and key.partition("/")[0] in names]
    hidden = len(waiver.covers) - len(shown)
    lines = dict.fromkeys(f"{names[key.partition('/')[0]]}: {text}" for key, text in shown)
    return [*lines, *([f"{hidden} of automations that you don’t see"] if hidden else [])]


@require_GET
def waiver_list(request: Request) -> HttpResponse:
    """List the waivers of automations that the reader may see, newest first. Filters are in the URL."""
    now, query, path = request.now(), request.GET, reverse("waiver_list")
    show = query.get("show", "") if query.get("show", "") in SHOWN else ""
    visible = Waiver.objects.visible_to(request.actor, now)
    team = number(query.get("team"))
    seen = visible if team is None else visible.filter(automation__team=team)
    counts = {word: seen.standing(word, now)[:100].count() for word in ("", "live")}
    waivers = seen.standing(show, now).titled().select_related("automation__team", "asked_by")
    paged = pager.newest_first(waivers, query, path)
    context = {
        "chips": pager.chips(path, query, "show", SHOWN.items(), counts),
        "filters": pager.filter_bar(query, path, [("team", "Team", pager.choices(visible, "automation__team"))]),
        "rows": paged.rows,
        "show": show,
        "pager": paged,
    }
    return page(request, "approvals/waivers/waivers.html", context)


def open_waivers(automation: Automation, now: datetime) -> Iterable[Waiver]:
    """Return the requested or live waivers of an automation, for ``approvals/waivers/waiver_panel.html``."""
    waivers = Waiver.objects.filter(automation=automation).standing("open", now)
    ids = list(waivers.order_by("-pk").values_list("pk", flat=True)[:MOST])
    if not ids:  # as for most automations
        return []
    return Waiver.objects.filter(pk__in=ids).titled().select_related("asked_by").order_by("-pk")
