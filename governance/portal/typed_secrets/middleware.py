"""Secrets in free text (I6): known patterns are refused in every form, likely secrets get a warning."""

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.http import require_POST

from governance.core.access import Refusal
from governance.core.texts import free_text
from governance.web.errors import problem_documents
from governance.web.pages.page import page, refused
from inventory.importers.secrets.slots import looks_secret, published_secret

#: Fields that are not free text: exports have their own scan, CSRF tokens are not stored.
NOT_TEXT = frozenset({"pasted", "csrfmiddlewaretoken"})
#: Pages below this store passwords and codes only as digests.
SIGNING_IN = "/account/"
#: Forms that check their own fields and keep the other input.
SELF_CHECKING = frozenset({"credential_describe", "credential_reach"})
#: Most characters of a field to search; free text has at most 4,000.
SEARCHED = 20_000


class RefuseTypedSecrets(MiddlewareMixin):
    """Refuse a form with a known secret before its view reads it, so that nothing stores it."""

    def process_view(self, request: HttpRequest, view: object, *_rest: object) -> HttpResponse | None:
        """Answer 422 with the provider's name, never with the text."""
        is_checked_elsewhere = problem_documents.is_program(request) or request.path_info.startswith(SIGNING_IN)
        match = request.resolver_match
        is_checked_elsewhere |= match is not None and match.url_name in SELF_CHECKING
        if request.method != "POST" or is_checked_elsewhere or view is check_text:
            return None
        for name, values in request.POST.lists():
            for text in values if name not in NOT_TEXT else ():
                if provider := published_secret(free_text.seen(text[:SEARCHED])):
                    return refused(request, _refusal(provider))
        return None


def _refusal(provider: str) -> Refusal:
    to_do = "Go back and remove it. It was sent over the network: replace it where it is valid."
    return Refusal("I6", "input", f"This text holds a secret ({provider}). Nothing was saved.", to_do)


@require_POST
def check_text(request: HttpRequest) -> HttpResponse:
    """Tell whether typed text holds a secret. Stores nothing."""
    text = free_text.seen(request.POST.get("text", "")[:SEARCHED])
    provider = published_secret(text)
    words = "" if provider else text
    doubtful = any(looks_secret(word) for word in words.split())
    return page(request, "components/typed_secret.html", {"provider": provider, "doubtful": doubtful})
