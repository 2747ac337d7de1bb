"""The search of the top bar: automations by name and purpose, until it finds more than those."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from governance.web.middleware import Request


@require_GET
def search(request: Request) -> HttpResponse:
    """Go to the list of automations, filtered by the words."""
    return redirect(f"{reverse('automation_list')}?{urlencode({'q': request.GET.get('q', '')[:200]})}")
