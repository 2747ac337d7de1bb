"""Endpoint of the deploy gate, for pipelines (A17)."""

from dataclasses import replace

from django.http import HttpRequest
from ninja import Query, Router, Schema

from approvals.api.caller import caller
from approvals.api.problems import ERRORS
from approvals.api.requests import Digest, Key
from approvals.api.responses import GateOut
from approvals.grants import deploy_gate
from approvals.grants.deploy_gate import GateAnswer
from inventory.models import Automation, Environment

router = Router(tags=["Deploy gate"])


class Where(Schema):
    """Environment and automation of a deployment."""

    environment: Environment = Environment.PRODUCTION
    automation: Key | None = None


@router.get("/gate/{digest}", response={200: GateOut, **ERRORS}, url_name="gate")
def ask(request: HttpRequest, digest: Digest, where: Query[Where]) -> GateAnswer:
    """Say in `allowed` whether a version may run, and with which privileges, terms and enforcement.

    The status is 200 also if it may not run: `code`, `reason` and `to_do` say why and what to do. The digest is that of the manifest or of
    the source, as the import returns them. Versions that the token may not see are unknown. A superseded version may run for 30 more days,
    with the grants that are still live. If several automations have the same digest, name one with `automation`.
    """
    program = caller(request)
    seen = Automation.objects.visible_to(program.actor, program.now)
    environment = where.environment.value
    answer = deploy_gate.answer_for_digest(
        seen, digest, environment=environment, now=program.now, automation=where.automation
    )
    return replace(answer, environment=environment)
