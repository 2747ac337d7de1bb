"""Page on which the reader confirms several appointments and resources at once, each as a record of its own (S8, I3)."""

from itertools import groupby

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from governance.core.access import Refused
from governance.core.texts.number_words import counted
from governance.portal.confirmations.queries import MOST, Confirmation, confirmations
from governance.web.pages.page import SIGN_IN_AGAIN, page, refused
from governance.web.requests.request import Request

GONE = "Some of what was ticked has changed or was answered since. Read it as it is now."


@require_http_methods(["GET", "POST"])
def confirm_several(request: Request) -> HttpResponse:
    """Show what the reader may confirm. A post confirms the ticked rows; each refusal stands above the rows that are left."""
    rows = confirmations(request.actor, request.now())
    if request.method != "POST":
        return _shown(request, rows)
    wanted = request.POST.getlist("confirm")[:MOST]
    by_value, problems, done = {row.value: row for row in rows}, [], 0
    for value in wanted:
        if (row := by_value.get(value)) is None:
            problems.append(GONE)
            continue
        try:
            _confirm(request, row)
        except Refused as error:
            if error.refusal.code == SIGN_IN_AGAIN:
                return refused(request, error.refusal, context={"back_href": request.path})
            problems.append(f"{row.name}: {error.refusal.words}")
        else:
            done += 1
    if done:
        messages.success(request, f"Confirmed {counted(done, 'row')}.")
    if not wanted:
        problems.append("Tick what you confirm.")
    if problems:
        left = confirmations(request.actor, request.now())
        return _shown(request, left, list(dict.fromkeys(problems)), status=409 if wanted else 422)
    return redirect("confirmations")


def _confirm(request: Request, row: Confirmation) -> None:
    more = {"shown_digest": row.digest} if row.group == "Countersign" else {}
    row.verb(row.row, actor=request.actor, now=request.now(), reason=request.POST.get("reason", ""), **more)


def _shown(
    request: Request, rows: list[Confirmation], problems: list[str] | None = None, status: int = 200
) -> HttpResponse:
    shown = rows[:MOST]
    groups = [(heading, list(some)) for heading, some in groupby(shown, key=lambda row: row.group)]
    context = {
        "groups": groups,
        "count": len(shown),
        "has_more": len(rows) > MOST,
        "problems": problems or [],
        "reason": request.POST.get("reason", ""),
    }
    return page(request, "portal/confirmations/confirmations.html", context, status=status)
