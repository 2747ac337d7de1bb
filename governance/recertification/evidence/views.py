"""Download of a campaign's evidence, for readers of the ledger (H4)."""

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_POST

from governance.recertification.evidence import evidence_file
from governance.recertification.evidence import transitions as evidence_transitions
from governance.recertification.models import Campaign
from governance.web.requests.request import Request


@require_POST
def campaign_evidence(request: Request, pk: int, form: str) -> HttpResponseBase:
    """Send the file as ``csv`` or ``jsonl``; the export is recorded before the first byte."""
    campaign, now, person = get_object_or_404(Campaign, pk=pk), request.now(), request.actor.person
    if form not in evidence_file.TYPES or person is None:
        raise Http404
    export, who = evidence_transitions.export_campaign, request.actor
    if export.refusal(campaign, actor=who, now=now) is not None:  # a refused attempt is recorded and reads nothing
        export(campaign, actor=who, now=now, form=form, items=0, sha256="")
    evidence = evidence_file.write_evidence(campaign, form, by=person, now=now)
    items, digest = evidence.head["items"], evidence.head["sha256"]
    export(campaign, actor=who, now=now, form=form, items=items, sha256=digest)
    answer = StreamingHttpResponse(evidence.pieces(), content_type=evidence_file.TYPES[form])
    answer["Content-Disposition"] = f'attachment; filename="campaign-{campaign.pk}.{form}"'
    return answer
