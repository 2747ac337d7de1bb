"""SCIM 2.0 (RFC 7644): one view for each request of a directory. The token of its source is checked before anything else (P1)."""

import hmac
import json
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    Error,
    ETag,
    Filter,
    InvalidValueException,
    Patch,
    PayloadTooLargeException,
    SCIMException,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    UnauthorizedException,
)
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.responses import SCIM_MEDIA_TYPE, ScimResponse
from scim2_server.service import ScimService
from scim2_server.utils import load_default_resource_types, load_default_schemas

from governance.core.access import Refused
from governance.core.clock import current_time
from governance.core.duties.refusals import ERRORS
from governance.core.models import DirectoryEntry
from governance.portal.scim import patches
from governance.portal.scim.storage import DirectoryStorage, is_id

log = structlog.get_logger(__name__)

#: Longest body, in bytes; most resources of one page.
LONGEST, MOST_RESULTS = 1024 * 1024, 200
#: A NUL in JSON.
NUL = rb"\u0000"
#: Seconds after which a source that reported too many leavers may report again (R8).
WAIT = 3600


@lru_cache(maxsize=1)
def scim_service() -> ScimService:
    """Return the description of the service: users and groups of RFC 7643, with filter, sort, PATCH and versions."""
    bearer = AuthenticationScheme(
        type=AuthenticationScheme.Type.oauthbearertoken,
        name="Token",
        description="The token of the source, in the Authorization header",
        primary=True,
    )
    config = ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=True),
        etag=ETag(supported=True),
        authentication_schemes=[bearer],
    )
    kinds = load_default_resource_types().values()
    return ScimService(ScimProvider.from_discovery(load_default_schemas().values(), kinds, config=config))


@login_not_required
@csrf_exempt  # a directory's server sends a token; no browser and no cookie is involved
def scim(request: HttpRequest, source: str, path: str) -> HttpResponse:
    """Answer a request of a directory."""
    service = scim_service()
    asked = ScimRequest(
        method=request.method or "GET",
        base_url=f"{settings.BASE_URL}/scim/v2/{source}",
        path=f"/{path}",
        query=request.GET.dict(),
        headers=dict(request.headers),
        subject=source,
    )
    try:
        app = _source_of(request, source)
        storage = DirectoryStorage(
            service.provider, source, app["name"], current_time.now(), app["settings"]["domains"]
        )
        asked.body = _body(request, asked, source)
        response = ScimHandler(service, storage).handle(asked)
    except Refused as error:
        response = _refused(error)
    except SCIMException as error:
        response = service.error_response(error)
    if response.status >= HTTPStatus.BAD_REQUEST:
        log.info("scim.refused", source=source, method=request.method, status=int(response.status))
    return _http(response)


def _source_of(request: HttpRequest, source: str) -> dict[str, Any]:
    """Return the settings of a source whose token the request has.

    Raises:
        UnauthorizedException: it has another token or none, or there is no such source.
    """
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", ())
    app = next((app for app in apps if app["provider_id"] == source), None)
    expected = app["settings"].get("provisioning_token", "") if app is not None else ""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    is_right = hmac.compare_digest(given.strip().encode(), expected.encode())
    if app is None or not expected or scheme.lower() != "bearer" or not is_right:
        raise UnauthorizedException(detail="This is not the token of this source.")
    return dict(app)


def _body(request: HttpRequest, asked: ScimRequest, source: str) -> bytes:
    """Return the body; a PATCH as the RFC has it.

    Raises:
        PayloadTooLargeException: it is too long.
        InvalidValueException: it has a character that no text column takes.
    """
    size = request.headers.get("Content-Length") or "0"
    if not size.isdecimal() or int(size) > LONGEST:
        raise PayloadTooLargeException(detail=f"A request has at most {LONGEST} bytes.")
    if b"\0" in request.body or NUL in request.body:
        raise InvalidValueException(detail="A text has a NUL.")
    if request.method != "PATCH":
        return request.body
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        return request.body
    key = asked.path.rstrip("/").rpartition("/")[2]
    entries = DirectoryEntry.objects.filter(source=source, pk=key) if is_id(key) else DirectoryEntry.objects.none()
    current: dict[str, Any] = next((entry.document for entry in entries), {})
    return json.dumps(patches.mended(document, current)).encode()


def _refused(error: Refused) -> ScimResponse:
    """Say in SCIM's words why an operation is refused."""
    refusal = error.refusal
    too_many = refusal.code == "R8" and refusal.kind == "state"
    status = HTTPStatus.TOO_MANY_REQUESTS if too_many else HTTPStatus(ERRORS[refusal.kind].status)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        status = HTTPStatus.BAD_REQUEST
    kind = "uniqueness" if refusal.code == "P1" else None
    body = Error(status=int(status), scim_type=kind, detail=f"{refusal.sentence} {refusal.to_do}".strip()).model_dump()
    return ScimResponse(status, body, {"Retry-After": str(WAIT)} if too_many else {})


def _http(response: ScimResponse) -> HttpResponse:
    headers = {name: value for name, value in response.headers.items() if name != "Content-Type"}
    if response.body is None:
        return HttpResponse(status=int(response.status), headers=headers)
    return JsonResponse(response.body, status=int(response.status), headers=headers, content_type=SCIM_MEDIA_TYPE)
