"""The ledger: search, seal state, verification (H2, H9). For whoever may read it, and nobody else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.controls import access, clock, ledger_export, timeline
from governance.controls.models import LedgerEvent, Person, Seal
from governance.controls.refusals import Refusal
from governance.controls.roles import Permission
from governance.web.pages import page, refused

Shape = dict[str, Any]

#: Events on one page.
PAGE = 50
NOT_YOURS = Refusal("PERMISSION", "permission", "The ledger is read by auditors, security reviewers and admins.")
SUBJECTS = {
    "inventory.automation": "automation",
    "inventory.resource": "resource",
    "approvals.submission": "review",
}


def _may_read(request: HttpRequest) -> bool:
    return access.may(request.actor, Permission.LEDGER_READ, None, now=clock.now())


@require_GET
def ledger(request: HttpRequest) -> HttpResponse:
    """Everything that happened, newest first; filters live in the address."""
    about = request.GET.get("about", "")
    if not _may_read(request):
        return refused(request, NOT_YOURS)
    rows = _filtered(LedgerEvent.objects.select_related("reason"), request.GET, about)
    before = request.GET.get("before", "")
    if before.isdecimal():
        rows = rows.filter(pk__lt=int(before))
    found = list(rows.order_by("-id")[: PAGE + 1])
    older = found[PAGE - 1].pk if len(found) > PAGE else None
    return page(
        request,
        "portal/ledger.html",
        {
            "head": _head(),
            "verification": _unverified(),
            "filters": _filters(request.GET),
            "filters_target": "#events",
            "events": _shapes(found[:PAGE]),
            "pager": {"newer_href": "", "older_href": _older(request.GET, older) if older else "", "words": ""},
            "empty": {
                "sentence": "Nothing that happened fits.",
                "href": reverse("ledger"),
                "action": "Show everything",
            },
        },
        fragment="events",
    )


def _filtered(rows: QuerySet[LedgerEvent], asked: QueryDict, about: str) -> QuerySet[LedgerEvent]:
    if about:
        rows = rows.filter(about__contains=[about])
    if asked.get("outcome") in ("done", "refused"):
        rows = rows.filter(outcome=asked["outcome"])
    words = asked.get("q", "").strip()
    if words.isdecimal():
        return rows.filter(pk=int(words))
    if words:
        people = Person.objects.filter(name__icontains=words).values_list("opaque_id", flat=True)[:20]
        named = Q(actor_id__in=[str(one) for one in people])
        rows = rows.filter(named | Q(verb__startswith=words.lower()) | Q(code=words.upper()))
    return rows


def _older(asked: QueryDict, before: int) -> str:
    kept = {name: value for name, value in asked.items() if name != "before"}
    return f"{reverse('ledger')}?{urlencode({**kept, 'before': before})}"


def _head() -> Shape:
    last = Seal.objects.order_by("-number").first()
    sealed = f"sealed {last.at:%a %d %b %H:%M} UTC, seal {last.number}" if last else "nothing is sealed yet"
    return {"title": "Ledger", "facts": [sealed, "nothing can be changed or removed"]}


def _unverified() -> Shape:
    return {
        "sound": None,
        "sentence": "Not verified just now.",
        "at": None,
        "details": [],
        "action": reverse("ledger_verify"),
    }


def _filters(asked: QueryDict) -> Shape:
    chosen = asked.get("outcome", "")
    options = [
        {"value": v, "label": label, "selected": v == chosen} for v, label in (("done", "Done"), ("refused", "Refused"))
    ]
    return {
        "action": reverse("ledger"),
        "words": asked.get("q", ""),
        "words_label": "Name, event, code or number",
        "kept": {"about": asked.get("about", "")},
        "fields": [{"name": "outcome", "label": "Outcome", "options": options}],
    }


def _shapes(events: list[LedgerEvent]) -> list[Shape]:
    known = timeline.names([one for event in events for one in (event.actor_id, event.for_id)])
    last = Seal.objects.order_by("-number").first()
    edge = (last.last_xid, last.last) if last else (0, 0)
    return [
        {
            "number": event.pk,
            "at": event.at,
            "actor": known.get(event.actor_id, event.actor_id if event.actor_kind == "job" else "somebody"),
            "for_person": known.get(event.for_id, ""),
            "verb": event.verb,
            "subject": f"{event.subject_type.partition('.')[2]} {event.subject_id}",
            "subject_href": _subject_href(event),
            "outcome": event.outcome,
            "code": event.code,
            "sealed": (event.xid, event.pk) <= edge,
            "digest": event.digest,
            "reason": event.reason.text if event.reason else "",
        }
        for event in events
    ]


def _subject_href(event: LedgerEvent) -> str:
    name = SUBJECTS.get(event.subject_type)
    return reverse(name, args=[event.subject_id]) if name else ""


@require_POST
def ledger_verify(request: HttpRequest) -> HttpResponse:
    """Verify the whole ledger now: every event against its seal, every seal against the one before and our key."""
    if not _may_read(request):
        return refused(request, NOT_YOURS)
    report = ledger_export.verify_database()
    last = Seal.objects.order_by("-number").first()
    sentence = (
        f"All {report.seals} seals and {report.events} events fit together."
        if report.holds
        else f"{len(report.problems)} things do not fit: {report.problems[0]}"
    )
    verification = {
        "sound": report.holds,
        "sentence": sentence,
        "at": clock.now(),
        "action": reverse("ledger_verify"),
        "details": [
            {"label": "Last root", "text": last.root if last else "", "mono": True},
            {"label": "Signed by", "text": f"key {last.key_id[:16]}…, Ed25519" if last else ""},
            *({"label": "Problem", "text": problem} for problem in report.problems[:10]),
        ],
    }
    found = list(LedgerEvent.objects.select_related("reason").order_by("-id")[:PAGE])
    context = {
        "head": _head(),
        "verification": verification,
        "filters": _filters(QueryDict()),
        "filters_target": "#events",
        "events": _shapes(found),
        "pager": {"newer_href": "", "older_href": "", "words": ""},
    }
    return page(request, "portal/ledger.html", context, fragment="verification")
