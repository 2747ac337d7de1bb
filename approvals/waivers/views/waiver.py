"""A waiver: asking for one, deciding about it, ending it (S7)."""

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

#: What the form of whoever decides may say, by the name of its button.
VERDICTS = {"grant": waiver_transitions.grant_waiver, "refuse": waiver_transitions.refuse_waiver}
#: What a waiver changes, by the mode of its rule (S7).
LIFTS: Mapping[str, str] = {
    Mode.RECORD: "Nothing is refused by its rule: this says what is done instead, and until when.",
    Mode.APPROVAL: "Its rule takes one signature of security more, and still does while this lasts.",
    Mode.ENFORCE: "Its rule refuses it otherwise.",
}
#: What the form suggests.
USUAL_DAYS = 30
NOTHING_TO_WAIVE = Refusal(
    "S7", "state", "There is nothing here that a waiver could be asked for.", "It was resolved or waived meanwhile."
)


class AskForm(forms.Form):
    """What is said to ask for a waiver."""

    #: Which there are is asked by the operation, under its lock; the form reads them where it is drawn.
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
        """Give it the conflicts to choose from; returns whether there are any."""
        field, found = self.fields["conflict"], waiver_transitions.open_to(automation, now)
        choices = [(f"{one.standing.rule.code}/{one.subject}", one.sentence) for one in found]
        field.widget.choices = choices
        if len(choices) == 1:
            field.initial = self.initial["conflict"] = choices[0][0]
        return bool(choices)


@require_http_methods(["GET", "POST"])
def ask(request: Request, pk: int) -> HttpResponse:
    """Ask that a conflict of an automation be allowed for a while."""
    now = business_time.now()
    automation = get_object_or_404(Automation.objects.visible_to(request.actor, now).select_related("team"), pk=pk)
    no = waiver_transitions.ask_waiver.refusal(automation, actor=request.actor, now=now)
    policy = policy_queries.in_force(now)
    form = AskForm(request.POST or None, initial={"conflict": _asked_for(request)}, policy=policy)
    if no is None and not form.is_valid() and not form.offer(automation, now):
        return refused(request, NOTHING_TO_WAIVE, context={"back_href": automation.href})

    def act(said: dict[str, Any]) -> Waiver:
        code, _, whom = said.pop("conflict").rpartition("/")
        try:
            made: Any = waiver_transitions.ask_waiver(
                automation, actor=request.actor, now=now, code=code, whom=int(whom), **said
            )
        except InvalidInput:
            form.offer(automation, now)  # it is drawn again
            raise
        waiver: Waiver = made
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
        f"most {times.counted(policy.waiver_days, 'day')}, and {_following(policy)}",
        refusal=no,
    )


def _following(policy: Policy) -> str:
    if policy.waivers_in_a_row == 1:
        return "none may follow it."
    return "two may follow each other: the next can be asked for in the last two weeks and begins where the first ends."


def _asked_for(request: Request) -> str:
    whom = number(request.GET.get("of"))
    return f"{request.GET.get('rule', '')}/{whom}" if whom is not None else ""


@require_http_methods(["GET", "POST"])
def waiver(request: Request, pk: int) -> HttpResponse:
    """One waiver: what it allows, why, what is done instead, and the decision for whoever may take it."""
    now = business_time.now()
    found = _find(request, pk, now)
    if request.method == "GET":
        return page(request, "approvals/waivers/waiver.html", _context(found, request.actor, now))
    text, days = request.POST.get("reason", ""), number(request.POST.get("days"))
    shown = {"shown_digest": request.POST.get("rule")}
    try:
        verdict = request.POST.get("verdict", "")
        if verdict not in VERDICTS:
            raise refuse(Refusal("S7", "input", "Say whether it is granted or not; what you typed is still there."))
        if (
            verdict == "grant" and days is None and "days" in request.POST
        ):  # what was to be shorter is never the longest
            sentence = f"A term is a number of days: 1 to {found.days}."
            raise refuse(Refusal("S7", "input", sentence, detail=(("days", sentence),)))
        more = (shown | ({"days": days} if days is not None else {})) if verdict == "grant" else {}
        VERDICTS[verdict](found, actor=request.actor, now=now, reason=text, **more)
    except InvalidInput as no:
        field = no.refusal.detail[0][0] if no.refusal.detail else "reason"
        context = _context(found, request.actor, now, typed=text, days=days, errors={field: no.refusal.sentence})
        return page(request, "approvals/waivers/waiver.html", context, status=no.status)
    except Refused as no:
        if no.refusal.kind != "stale":
            return refused(request, no.refusal, context={"back_href": found.href})
        context = _context(
            _find(request, pk, now), request.actor, now, typed=text, days=days, stale=no.refusal.sentence
        )
        return page(request, "approvals/waivers/waiver.html", context, status=no.status)
    return redirect(found.href)


@require_http_methods(["GET", "POST"])
def withdraw(request: Request, pk: int) -> HttpResponse:
    """Take back that one asked."""
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
    found: Waiver,
    actor: Actor,
    now: datetime,
    *,
    typed: str = "",
    days: int | None = None,
    errors: dict[str, str] | None = None,
    stale: str = "",
) -> Shape:
    of_it = ConflictRule.objects.filter(code=found.code)
    rule = of_it.in_force(now).first() or of_it.order_by("-number").first()
    no = waiver_transitions.grant_waiver.refusal(found, actor=actor, now=now)
    policy = policy_queries.in_force(now)
    most = min(found.days, policy.waiver_days)
    state = found.state_at(now)
    return {
        "now": now,
        "crumbs": [
            {"label": "Waivers", "href": reverse("waiver_list")},
            {"label": found.automation.name, "href": found.automation.href},
            {"label": "Waiver", "href": ""},
        ],
        "head": {
            "title": f"Waiver: {rule.title if rule is not None else found.code}",
            "facts": [
                found.automation.name,
                found.automation.team.name,
                f"asked by {found.asked_by.name}, {times.moment_words(found.asked_at, now)}",
            ],
            "actions": _actions(found, actor, now, policy),
        },
        "waiver": {
            "state": state,
            "ends": found.ends_at if state == WaiverState.GRANTED else None,
            "reason": found.reason.shown,
            "control": found.control.shown,
            "facts": _facts(found, now),
            "covers": _covers(found, actor, now),
        },
        "rule": {
            "title": rule.title,
            "reason": rule.document.get("reason", ""),
            "href": rule.href,
            "lifts": LIFTS[rule.mode],
            "is_another": rule.digest != found.rule_digest,
        }
        if rule
        else None,
        "form": {
            "action": found.href,
            "rule": rule.digest if rule is not None else "",
            "stale": stale,
            "reason": {"value": typed, "error": (errors or {}).get("reason", "")},
            "days": {"value": days or most, "most": most, "error": (errors or {}).get("days", "")},
        }
        if no is None
        else None,
        "locked": {"sentence": no.sentence, "code": no.code, "to_do": no.to_do}
        if no is not None and no.kind != "state"
        else None,
        "events": timeline_queries.shapes(found, reader=actor.person, limit=20, actor=actor, now=now),
        "ledger_href": ledger_href(found, actor=actor, now=now),
    }


def _actions(found: Waiver, actor: Actor, now: datetime, policy: Policy) -> list[Shape]:
    offered = (
        (waiver_transitions.withdraw_waiver, "Withdraw", "undo", "waiver_withdraw"),
        (waiver_transitions.end_waiver, "End it now", "ring-cross", "waiver_end"),
    )
    ways = [
        {"label": label, "icon": icon, "href": reverse(url, args=[found.pk])}
        for verb, label, icon, url in offered
        if verb.refusal(found, actor=actor, now=now) is None
    ]
    may_ask = waiver_transitions.ask_waiver.refusal(found.automation, actor=actor, now=now) is None
    if waiver_transitions.ends_soon(found, now) and may_ask and found.in_a_row < policy.waivers_in_a_row:
        ways.insert(0, {"label": "Ask for one more", "icon": "clock", "href": conflict_rows.ask_again_href(found)})
    return ways


def _facts(found: Waiver, now: datetime) -> list[Shape]:
    rows: list[Shape] = [{"label": "Asked for", "text": times.counted(found.days, "day")}]
    if found.in_a_row > 1:
        rows.append({"label": "In a row", "text": f"number {found.in_a_row}"})
    if found.decided_by is not None:
        instead = f", for {found.decided_for.name}" if found.decided_for is not None else ""
        rows.append({"label": "Decided by", "text": f"{found.decided_by.name}{instead}"})
    if found.begins_at is not None and found.begins_at > now:
        rows.append({"label": "From", "text": times.moment_words(found.begins_at, now)})
    if found.ends_at is not None:
        rows.append({"label": "Until", "text": times.moment_words(found.ends_at, now)})
    return rows


def _covers(found: Waiver, actor: Actor, now: datetime) -> list[str]:
    """What it names, in words, of automations that the reader may see; the rest is counted."""
    keys = [one.partition("/")[::2] for one in found.covers]
    seen = Automation.objects.visible_to(actor, now).filter(pk__in={pk for pk, _ in keys})
    names = {str(pk): name for pk, name in seen.order_by().values_list("pk", "name")}
    wanted = Q(pk__in=())
    for pk, key in keys:
        if pk in names:
            wanted |= Q(version__automation=int(pk), key=key)
    rows = Privilege.objects.filter(wanted).select_related("entitlement__resource", "version").order_by("version_id")
    said = {
        (str(row.version.automation_id), row.key): row.sentence
        for row in rows
        if found.lifts_all(
            [
                held_access.of_held(
                    held_access.of_privilege(row, f"{row.version.automation_id}/{row.key}", ENVIRONMENT_ORDER[0])
                )
            ]
        )
    }
    no_grant = {(pk, key): conflict_rows.words_of(f"{pk}/{key}") for pk, key in keys if pk in names}
    found_words = {**said, **{one: text for one, text in no_grant.items() if text}}
    words = [f"{names[pk]}: {text}" for (pk, _), text in found_words.items()]
    hidden = len(keys) - len(found_words)
    return [*dict.fromkeys(words), *([f"{hidden} of automations that you don’t see"] if hidden else [])]
