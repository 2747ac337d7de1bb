"""Panels that approvals draws on lower apps' pages, each also a page: grants, submissions; and the kill switch (G5)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from approvals.grants import queries
from approvals.grants.transitions import lifecycle
from approvals.inbox import waiting_for
from approvals.inbox.views import waiting_for as view_waiting_for
from approvals.intake import promotion
from approvals.models import Grant, GrantKind, GrantState, Submission
from approvals.models.grant import GrantQuerySet, touching
from approvals.review.dossier import decided_words
from approvals.review.views.approval_rows import segment
from approvals.review.views.reader import Reader
from approvals.waivers import views as waiver_views
from governance.core.access import Actor
from governance.web.components import times
from governance.web.pages import pager
from governance.web.pages.page import Shape, confirm, page
from governance.web.requests.request import Request, number, visible_row
from inventory.automations.views import reasons
from inventory.identities import queries as identity_queries
from inventory.models import Automation, NonHumanIdentity, Resource

#: Relations that a row reads.
RELATIONS = (
    "entitlement__resource__owner",
    "credential__kept_in__owner",
    "credential__opens__owner",
    "automation__team",
    "approval__privilege__entitlement",
    "approval__privilege__credential",
)
#: Submissions of the panel.
SUBMISSIONS = 50
COUNTED = ((GrantState.ACTIVE, "in force"), (GrantState.SUSPENDED, "suspended"), (GrantState.ENDED, "ended"))
#: How what is stopped comes back.
RETURNS = "What is stopped comes back once it was submitted again and two others have approved it."


@require_http_methods(["GET", "POST"])
def stop_grant(request: Request, pk: int) -> HttpResponse:
    """Stop one grant at once, with a reason, after showing what stops (G5)."""
    now = request.now()
    seen = Grant.objects.visible_to(request.actor, now).telling_usable(now)
    related = ("automation", "entitlement__resource", "credential")
    grant = get_object_or_404(seen.select_related(*related), pk=pk)
    return confirm(
        request,
        grant,
        lifecycle.stop,
        title="Stop this grant?",
        text=_text(grant, now),
        label="Stop it now",
        points=lambda: blast_radius(grant, now),
        back=reverse("automation", args=[grant.automation_id]),
    )


def privileges_needing(grant: Grant, now: datetime) -> QuerySet[Grant]:
    """Return privileges in force that need a credential's grant and stop with it (A2); none for a privilege."""
    if grant.kind != GrantKind.CREDENTIAL or not grant.is_live(now):
        return Grant.objects.none()
    held = Grant.objects.live(now).filter(automation=grant.automation_id, kind=GrantKind.PRIVILEGE)
    return held.filter(credential=grant.credential_id).select_related("entitlement__resource").order_by("pk")


def blast_radius(grant: Grant, now: datetime) -> list[Shape]:
    """Return what stops, and could have been reached, to show before the button (G5)."""
    if not grant.is_live(now):
        why = queries.effective_state(grant, now)[1] or "its term has not begun"
        return [{"icon": "info", "lead": f"It is not in force now: {why}.", "text": ""}]
    reached = reasons.use_reasons(
        (held.level, held.sentence, held.entitlement.counted_class)
        for held in (grant, *privileges_needing(grant, now))
        if held.entitlement is not None
    )
    if grant.kind == GrantKind.CREDENTIAL and grant.credential is not None:
        opens = ", ".join(grant.credential.reach)  # regardless of grants (I6)
        lead = "It opens:" if opens else "What else it opens is not known."
        reached.append({"icon": "key", "lead": lead, "text": f"{opens}." if opens else ""})
    return reached


def _text(grant: Grant, now: datetime) -> str:
    stopped = [needing.pk for needing in privileges_needing(grant, now)]
    others = Grant.objects.live(now).filter(automation=grant.automation_id).exclude(pk__in=[grant.pk, *stopped])
    use, with_it = "do this", ""
    if grant.kind == GrantKind.CREDENTIAL:
        verbs = ("needs", "stops") if len(stopped) == 1 else ("need", "stop")
        counted = f"{times.counted(len(stopped), 'privilege')} that {verbs[0]} it {verbs[1]} with it."
        use, with_it = f"use the credential {grant.credential}", counted if stopped else "Nothing in force needs it."
    rest = "The rest of the automation runs on." if others.exists() else "Nothing else of the automation is in force."
    sentences = (f"{grant.automation.name} can no longer {use} from this moment.", with_it, rest, RETURNS)
    return " ".join(filter(None, sentences))


def _count_words(grants: Sequence[Grant], now: datetime) -> str:
    counts = Counter(queries.effective_state(grant, now)[0] for grant in grants)
    return ", ".join(f"{counts[state]} {words}" for state, words in COUNTED if counts[state])


def _context(request: Request, rows: GrantQuerySet, **more: Any) -> Shape:
    """Return the context of a list of grants: standing ones, the next to end first; with ``?show=ended`` the ended ones."""
    now, is_ended = request.now(), request.GET.get("show") == "ended"
    if (chosen := number(request.GET.get("grant"))) is not None:
        is_ended = rows.filter(pk=chosen, state=GrantState.ENDED).exists()
    listed = rows.filter(state=GrantState.ENDED) if is_ended else rows.standing()
    loaded = listed.telling_usable(now).select_related(*RELATIONS)
    if is_ended:
        loaded = loaded.prefetch_related("revocation_tasks__words__person", "revocation_tasks__words__for_person")
    paged = pager.by_column(loaded, request.GET, request.path, "ends_at", descending=is_ended)
    # Rows of one automation share an instance, so that the reader's relations to it are read once.
    shared = {grant.automation_id: grant.automation for grant in paged.rows}
    for grant in paged.rows:
        grant.automation = shared[grant.automation_id]
    may_stop = {grant.pk for grant in paged.rows if lifecycle.stop.refusal(grant, actor=request.actor, now=now) is None}
    words = _count_words(paged.rows, now)
    if paged.newer_href or paged.older_href:
        words = f"{times.counted(listed.count(), 'grant')} in all, {pager.PAGE} a page"
    return {
        "shares": queries.shares(rows.standing()),
        "rows": [queries.grant_row(grant, now, may_stop=grant.pk in may_stop) for grant in paged.rows],
        "grant_words": words,
        "may_stop": bool(may_stop),
        "is_ended": is_ended,
        "chosen": chosen,
        "path": request.path,
        "pager": paged,
        "nothing": "Ended grants would be here, with who ended them and why." if is_ended else "",
        **more,
    }


@require_GET
def automation_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants of an automation; with ``?show=ended`` the ended ones."""
    automation, now = visible_row(request, Automation, pk)
    waivers = waiver_views.open_waivers(automation, now)
    context = _context(request, automation.grants.all(), automation=automation, waivers=waivers)
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def resource_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants on a resource, and of credentials that open it or that its owner decided (A2)."""
    resource, now = visible_row(request, Resource, pk)
    rows = Grant.objects.visible_to(request.actor, now).filter(touching(resource.pk))
    context = _context(request, rows, resource=resource, show_holder=True)
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def identity_grants(request: Request, pk: int) -> HttpResponse:
    """Show the grants of automations that run as an identity: the reach of a leak (I5)."""
    identity, now = visible_row(request, NonHumanIdentity, pk)
    runs = identity_queries.versions_of_identity(identity).order_by().values("automation")
    seen = Grant.objects.visible_to(request.actor, now).filter(automation__in=runs)
    context = _context(request, seen, identity=identity, show_holder=True)
    hidden = Grant.objects.standing().filter(automation__in=runs).exclude(pk__in=seen.order_by().values("pk")).count()
    if hidden:
        hidden_words = f"{times.counted(hidden, 'grant')} of automations that you may not see"
        context["grant_words"] = f"{context['grant_words']}, and {hidden_words}" if context["rows"] else hidden_words
        context["nothing"] = f"This identity may also use {hidden_words}."
    return page(request, "approvals/grants/grants.html", context, fragment="grants")


@require_GET
def automation_submissions(request: Request, pk: int) -> HttpResponse:
    """Show the submissions of an automation, newest first."""
    automation, now = visible_row(request, Automation, pk)
    submissions = automation.submissions.select_related("version", "submitted_by").prefetch_related("approvals")
    context = {
        "automation": automation,
        "submissions": [_submission(submission, now) for submission in submissions.order_by("-pk")[:SUBMISSIONS]],
        "import_href": reverse("import"),
        "again": resubmit_button(automation, request.actor, now),
    }
    return page(request, "approvals/submissions/submissions.html", context, fragment="submissions")


def waiting_for_panel(automation: Automation, actor: Actor, now: datetime) -> list[Shape]:
    """Return who an automation in review waits for, for its page; at most three queries."""
    submissions = Submission.objects.unfinished().filter(automation=automation).order_by()
    people = ("submitted_by", "automation__business_owner", "automation__interim__person")
    waiting = waiting_for.load_waiting(list(submissions.select_related(*people)), now)
    reader = Reader(actor, now)
    return [shape for held in waiting.values() for shape in view_waiting_for.holder_shapes(held, reader)]


def resubmit_button(automation: Automation, actor: Actor, now: datetime) -> Shape | None:
    """Return the button that submits a failed submission again, or None if the actor may not."""
    if promotion.resubmission_refusal(automation, actor=actor, now=now) is not None:
        return None
    return {"label": "Submit again", "icon": "undo", "post": reverse("submit_again", args=[automation.pk])}


def _submission(submission: Submission, now: datetime) -> Shape:
    approvals = [approval for approval in submission.approvals.all() if approval.stage == 2]
    return {
        "row": submission,
        "parts": [segment(approval, mine=False) for approval in approvals],
        "words": decided_words(approvals) if approvals else "",
        "below": times.moment_words(submission.ended_at, now) if submission.ended_at else "",
    }
