"""`page()` answers a request with a whole page or with the part that htmx asked for; `refused()` says no in words.

A view names the template and its fragment and never looks at headers. A fragment is a ``{% partialdef %}`` of the page's
own template, and its name is the DOM id of the element that it draws; a part that stands more than once (a row) has ids of
the form ``name-key`` and is drawn from the context variable that the template's loop uses. So every URL that htmx calls is
also a plain page: bookmark, back button, no JavaScript.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from governance.core.clock import icalendar_file
from governance.core.duties.refusals import ERRORS, Refusal

#: What a template or one of its parts takes.
Shape = dict[str, Any]

VARIES = ("HX-Request", "HX-Target", "HX-History-Restore-Request")
REFUSAL_REGION = "refusal"

#: The duty that somebody who is signed in meets by signing in again: their sign-in is too old for what they decide (S5).
SIGN_IN_AGAIN = "SOD-5"


def calendar_file(content: str) -> HttpResponse:
    """A calendar file, to be kept or opened by the reader's calendar."""
    headers = {"Content-Disposition": f'attachment; filename="{icalendar_file.FILE_NAME}"'}
    return HttpResponse(content, content_type=f"{icalendar_file.MEDIA_TYPE}; charset=utf-8", headers=headers)


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, object] | None = None,
    *,
    fragment: str | Sequence[str] | None = None,
    also: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    """Render ``template``, or only the fragment that htmx is about to replace.

    Args:
        request: the request; its ``HX-Target`` decides.
        template: a template name, for instance ``"approvals/review/review.html"``.
        context: the template's context, the same for the page and for its parts.
        fragment: the name of the part, or names of the parts, that this URL also answers alone.
        also: parts elsewhere on the page that changed with it. They are sent after the fragment and swapped out of
            band; their outermost element carries ``{% oob %}`` after its id. Ignored for a whole page.
        status: the HTTP status; 422 for a form with errors.
    """
    named = [fragment] if isinstance(fragment, str) else list(fragment or ())
    part = _wanted(request, named)
    whole = dict(context or {})
    if part is None:
        drawn = [render_to_string(template, whole, request)]
    else:
        drawn = [render_to_string(f"{template}#{part}", whole, request)]
        drawn += [render_to_string(f"{template}#{name}", {**whole, "oob": True}, request) for name in also]
    response = HttpResponse("".join(drawn), status=status)
    if named:
        patch_vary_headers(response, VARIES)
    return response


def refused(
    request: HttpRequest,
    refusal: Refusal,
    *,
    fragment: str = REFUSAL_REGION,
    context: Mapping[str, object] | None = None,
) -> HttpResponse:
    """Answer with a refusal: its sentence, its code and what to do; nothing that was typed is lost.

    To htmx it is a note that goes into the element ``fragment``, whatever the request was aimed at, so the form that was
    refused stays as it is. Otherwise it is the page ``403.html`` or ``409.html``.

    Args:
        request: the refused request.
        refusal: see `Refusal`. Its kind gives the status: 409 for ``state`` and ``stale``, 422 for ``input``, else 403.
        fragment: the DOM id of the region that shows it; by default the one under the top bar.
        context: more for the template: ``typed``, what was written and would be lost with the form, and ``back_href``.
    """
    status = ERRORS[refusal.kind].status
    values = {**(context or {}), "refusal": refusal}
    if refusal.code == SIGN_IN_AGAIN:
        values["sign_in_href"] = sign_in_again(request, back_href=str(values.get("back_href", "")))
    if _is_htmx(request):
        headers = {"HX-Retarget": f"#{fragment}", "HX-Reswap": "innerHTML show:top"}
        note = render_to_string("components/refusal.html", values, request)
        response = HttpResponse(note, status=status, headers=headers)
    else:
        template = "403.html" if status == 403 else "409.html"
        response = HttpResponse(render_to_string(template, values, request), status=status)
    patch_vary_headers(response, VARIES)
    return response


def sign_in_again(request: HttpRequest, *, back_href: str = "") -> str:
    """Where the reader says again that it is them, and then comes back to ``back_href``, else to the page they are on."""
    back = back_href
    if not back and request.method in ("GET", "HEAD"):
        back = request.get_full_path()
    if not back:
        came = urlsplit(request.headers.get("HX-Current-URL") or request.headers.get("Referer", ""))
        back = urlunsplit(("", "", came.path, came.query, ""))
    query = f"?{urlencode({'next': back})}" if back else ""
    return f"{reverse('account_reauthenticate')}{query}"


def _is_htmx(request: HttpRequest) -> bool:
    restoring = request.headers.get("HX-History-Restore-Request") == "true"
    return request.headers.get("HX-Request") == "true" and not restoring


def _wanted(request: HttpRequest, named: Sequence[str]) -> str | None:
    """Return the fragment that the request's target stands for; the longest name wins (``row-why`` before ``row``)."""
    if not _is_htmx(request):
        return None
    target = request.headers.get("HX-Target", "")
    fitting = [name for name in named if target == name or target.startswith(f"{name}-")]
    return max(fitting, key=len, default=None)
