"""Pages of a waiver: request it, decide about it, end it (S7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.conflicts import held_access
from approvals.conflicts.views import rows as conflict_rows
from approvals.models import ConflictRule, Waiver, WaiverState
from approvals.models.conflict import Mode
from approvals.policies import queries as policy_queries
from approvals.policies.queries import Policy
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.duties.refusals import InvalidInput, Refusal, Refused, refuse
from governance.core.timeline import queries as timeline_queries
from governance.web.components import times
from governance.web.pages.confirmation import confirm, form_page
from governance.web.pages.ledger_links import ledger_href
from governance.web.pages.page import page, refused
from governance.web.requests.middleware import Request
from governance.web.requests.parameters import number
from inventory.models import Automation, Privilege
from inventory.risk.tiers import ENVIRONMENT_ORDER

Shape = dict[str, Any]

#: Decisions by the name of the form's button.
VERDICTS = {"grant": waiver_transitions.grant_waiver, "refuse": waiver_transitions.refuse_waiver}
#: The effect of a waiver, by the mode of its rule (S7).
LIFTS: Mapping[str, str] = {
    Mode.RECORD: "Nothing is refused by its rule: this says what is done instead, and until when.",
    Mode.APPROVAL: "Its rule takes one signature of security more, and still does while this lasts.",
    Mode.ENFORCE: "Its rule refuses it otherwise.",
}
#: Default of the form.
USUAL_DAYS = 30
NOTHING_TO_WAIVE = Refusal(
    "S7", "state", "There is nothing here that a waiver could be asked for.", "It was resolved or waived meanwhile."
)


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
        label="What keeps it from doing harm meanwhile",
        help_text="A compensating control: who looks at what, how often, what limits it.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    days = forms.IntegerField(label="For how many days", min_value=1)

    def __init__(self, *args: Any, policy: Policy, **more: Any) -> None:
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
    now = business_time.now()
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, now).select_related("team"), pk=pk)
    refusal = waiver_transitions.ask_waiver.refusal(automation, actor=request.actor, now=now)
    policy = policy_queries.in_force(now)
    form = AskForm(request.POST or None, initial={"conflict": _chosen_conflict(request)}, policy=policy)
    if refusal is None and not form.is_valid() and not form.offer(automation, now):
        return refused(request, NOTHING_TO_WAIVE, context={"back_href": automation.href})

    def act(form_data: dict[str, Any]) -> Waiver:
        code, _, subject_id = form_data.pop("conflict").rpartition("/")
        try:
            new_waiver: Any = waiver_transitions.ask_waiver(
                automation, actor=request.actor, now=now, code=code, subject_id=int(subject_id), **form_data
            )
        except InvalidInput:
            form.offer(automation, now)  # for the form with errors
            raise
        waiver: Waiver = new_waiver
        return waiver

    return form_page(
        request,
        form,
        act,
        now=now,
        title=f"Ask for a waiver for {automation.name}",
        label="Ask security",
        back=automation.href,
        text="Security decides, somebody who gains nothing by it. It lifts a refusal and nothing else: who decides sees the conflict all the "
        "same, and where its rule takes another signature it still does. It covers what is in conflict now and neither more of it nor what comes beside it, lasts at "
        f"most {times.counted(policy.waiver_days, 'day')}, and {_follow_words(policy)}",
        refusal=refusal,
    )


def _follow_words(policy: Policy) -> str:
    if policy.waivers_in_a_row == 1:
        return "none may follow it."
    return "two may follow each other: the next can be asked for in the last two weeks and begins where the first ends."


def _chosen_conflict(request: Request) -> str:
    subject_id = number(request.GET.get("of"))
    return f"{request.GET.get('rule', '')}/{subject_id}" if subject_id is not None else ""


@require_http_methods(["GET", "POST"])
def waiver(request: Request, pk: int) -> HttpResponse:
    """Show one waiver: its access, reason and control, and the decision form if the reader may decide."""
    now = business_time.now()
    row = _find(request, pk, now)
    if request.method == "GET":
        return page(request, "approvals/waivers/waiver.html", _context(row, request.actor, now))
    text, days = request.POST.get("reason", ""), number(request.POST.get("days"))
    shown = {"shown_digest": request.POST.get("rule")}
    try:
        verdict = request.POST.get("verdict", "")
        if verdict not in VERDICTS:
            raise refuse(Refusal("S7", "input", "Say whether it is granted or not; what you typed is still there."))
        if verdict == "grant" and days is None and "days" in request.POST:  # an invalid term never becomes the longest
            sentence = f"A term is a number of days: 1 to {row.days}."
            raise refuse(Refusal("S7", "input", sentence, detail=(("days", sentence),)))
        more = (shown | ({"days": days} if days is not None else {})) if verdict == "grant" else {}
        VERDICTS[verdict](row, actor=request.actor, now=now, reason=text, **more)
    except InvalidInput as error:
        field = error.refusal.detail[0][0] if error.refusal.detail else "reason"
        context = _context(row, request.actor, now, typed=text, days=days, errors={field: error.refusal.sentence})
        return page(request, "approvals/waivers/waiver.html", context, status=error.status)
    except Refused as error:
        if error.refusal.kind != "stale":
            return refused(request, error.refusal, context={"back_href": row.href})
        context = _context(
            _find(request, pk, now), request.actor, now, typed=text, days=days, stale=error.refusal.sentence
        )
        return page(request, "approvals/waivers/waiver.html", context, status=error.status)
    return redirect(row.href)


@require_http_methods(["GET", "POST"])
def withdraw(request: Request, pk: int) -> HttpResponse:
    """Withdraw a request."""
    now = business_time.now()
    return confirm(
        request,
        _find(request, pk, now),
        waiver_transitions.withdraw_waiver,
        now,
        title="Withdraw this request?",
        text="Security is asked no more. What is in conflict stays as it is.",
        label="Withdraw it",
        kind="filled",
    )


@require_http_methods(["GET", "POST"])
def end(request: Request, pk: int) -> HttpResponse:
    """End a waiver before its term is over."""
    now = business_time.now()
    return confirm(
        request,
        _find(request, pk, now),
        waiver_transitions.end_waiver,
        now,
        title="End this waiver now?",
        text="What it allows is in conflict again from this moment: it can’t be submitted where its rule is enforced, and what is held has to "
        "be resolved.",
        label="End it now",
    )


def _find(request: Request, pk: int, now: datetime) -> Waiver:
    related = ("automation__team", "asked_by", "decided_by", "decided_for", "reason", "control", "follows")
    return get_object_or_404(Waiver.objects.visible_to(request.actor, now).select_related(*related), pk=pk)


def _context(
    waiver: Waiver,
    actor: Actor,
    now: datetime,
    *,
    typed: str = "",
    days: int | None = None,
    errors: dict[str, str] | None = None,
    stale: str = "",
) -> Shape:
    versions = ConflictRule.objects.filter(code=waiver.code)
    rule = versions.in_force(now).first() or versions.order_by("-number").first()
    refusal = waiver_transitions.grant_waiver.refusal(waiver, actor=actor, now=now)
    policy = policy_queries.in_force(now)
    most = min(waiver.days, policy.waiver_days)
    state = waiver.state_at(now)
    return {
        "now": now,
        "crumbs": [
            {"label": "Waivers", "href": reverse("waiver_list")},
            {"label": waiver.automation.name, "href": waiver.automation.href},
            {"label": "Waiver", "href": ""},
        ],
        "head": {
            "title": f"Waiver: {rule.title if rule is not None else waiver.code}",
            "facts": [
                waiver.automation.name,
                waiver.automation.team.name,
                f"asked by {waiver.asked_by.name}, {times.moment_words(waiver.asked_at, now)}",
            ],
            "actions": _actions(waiver, actor, now, policy),
        },
        "waiver": {
            "state": state,
            "ends": waiver.ends_at if state == WaiverState.GRANTED else None,
            "reason": waiver.reason.shown,
            "control": waiver.control.shown,
            "facts": _facts(waiver, now),
            "covers": _covered_access(waiver, actor, now),
        },
        "rule": {
            "title": rule.title,
            "reason": rule.document.get("reason", ""),
            "href": rule.href,
            "lifts": LIFTS[rule.mode],
            "is_another": rule.digest != waiver.rule_digest,
        }
        if rule
        else None,
        "form": {
            "action": waiver.href,
            "rule": rule.digest if rule is not None else "",
            "stale": stale,
            "reason": {"value": typed, "error": (errors or {}).get("reason", "")},
            "days": {"value": days or most, "most": most, "error": (errors or {}).get("days", "")},
        }
        if refusal is None
        else None,
        "locked": {"sentence": refusal.sentence, "code": refusal.code, "to_do": refusal.to_do}
        if refusal is not None and refusal.kind != "state"
        else None,
        "events": timeline_queries.shapes(waiver, reader=actor.person, limit=20, actor=actor, now=now),
        "ledger_href": ledger_href(waiver, actor=actor, now=now),
    }


def _actions(waiver: Waiver, actor: Actor, now: datetime, policy: Policy) -> list[Shape]:
    offered = (
        (waiver_transitions.withdraw_waiver, "Withdraw", "undo", "waiver_withdraw"),
        (waiver_transitions.end_waiver, "End it now", "ring-cross", "waiver_end"),
    )
    ways = [
        {"label": label, "icon": icon, "href": reverse(url, args=[waiver.pk])}
        for verb, label, icon, url in offered
        if verb.refusal(waiver, actor=actor, now=now) is None
    ]
    may_ask = waiver_transitions.ask_waiver.refusal(waiver.automation, actor=actor, now=now) is None
    if waiver_transitions.ends_soon(waiver, now) and may_ask and waiver.in_a_row < policy.waivers_in_a_row:
        ways.insert(
            0, {"label": "Ask for one more", "icon": "clock", "href": conflict_rows.next_waiver_request_href(waiver)}
        )
    return ways


def _facts(waiver: Waiver, now: datetime) -> list[Shape]:
    rows: list[Shape] = [{"label": "Asked for", "text": times.counted(waiver.days, "day")}]
    if waiver.in_a_row > 1:
        rows.append({"label": "In a row", "text": f"number {waiver.in_a_row}"})
    if waiver.decided_by is not None:
        instead = f", for {waiver.decided_for.name}" if waiver.decided_for is not None else ""
        rows.append({"label": "Decided by", "text": f"{waiver.decided_by.name}{instead}"})
    if waiver.begins_at is not None and waiver.begins_at > now:
        rows.append({"label": "From", "text": times.moment_words(waiver.begins_at, now)})
    if waiver.ends_at is not None:
        rows.append({"label": "Until", "text": times.moment_words(waiver.ends_at, now)})
    return rows


def _covered_access(waiver: Waiver, actor: Actor, now: datetime) -> list[str]:
    """Return the access that it covers in words, for automations that the reader may see. Other access is counted."""
    keys = [key.partition("/")[::2] for key in waiver.covers]
    seen = Automation.objects.visible_to(actor, now).filter(pk__in={pk for pk, _ in keys})
    names = {str(pk): name for pk, name in seen.order_by().values_list("pk", "name")}
    wanted = Q(pk__in=())
    for pk, key in keys:
        if pk in names:
            wanted |= Q(version__automation=int(pk), key=key)
    rows = Privilege.objects.filter(wanted).select_related("entitlement__resource", "version").order_by("version_id")
    sentences = {
        (str(row.version.automation_id), row.key): row.sentence
        for row in rows
        if waiver.lifts_all(
            [
                held_access.word_of_held(
                    held_access.held_by_privilege(row, f"{row.version.automation_id}/{row.key}", ENVIRONMENT_ORDER[0])
                )
            ]
        )
    }
    no_grant = {(pk, key): conflict_rows.words_of(f"{pk}/{key}") for pk, key in keys if pk in names}
    found_words = {**sentences, **{key: text for key, text in no_grant.items() if text}}
    words = [f"{names[pk]}: {text}" for (pk, _), text in found_words.items()]
    hidden = len(keys) - len(found_words)
    return [*dict.fromkeys(words), *([f"{hidden} of automations that you don’t see"] if hidden else [])]
