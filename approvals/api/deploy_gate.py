"""The deploy gate, asked by a pipeline before it rolls out (A17)."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Query, Router, Schema

from approvals.api.caller import caller
from approvals.api.problems import ERRORS
from approvals.api.requests import Digest, Key
from approvals.api.responses import GateOut
from approvals.grants import deploy_gate
from inventory.models import Automation, Environment

router = Router(tags=["Deploy gate"])


class Where(Schema):
    """Where something is about to run."""

    environment: Environment = Environment.PRODUCTION
    automation: Key | None = None


@router.get("/gate/{digest}", response={200: GateOut, **ERRORS}, url_name="gate")
def ask(request: HttpRequest, digest: Digest, about: Query[Where]) -> GateOut:
    """Whether a version may run, and with which privileges, terms and enforcement: the answer is `allowed`.

    The status is 200 also where it may not: `code`, `reason` and `to_do` say why and what to do. A digest of the manifest or of the
    source, as bringing in answers it. What this token may not see is unknown. A superseded version may run for 30 days more, with the
    grants that are still live. Where several automations have the same digest, say which by `automation`.
    """
    who = caller(request)
    seen = Automation.objects.visible_to(who.actor, who.now)
    environment = about.environment.value
    answer = deploy_gate.find(seen, digest, environment=environment, now=who.now, automation=about.automation)
    return GateOut.of(answer, environment)
