"""The script of the documentation, run as a pipeline runs it, against the real web server: held until people have approved (A17, S5)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from approvals.grants.transitions import stops
from approvals.models import Submission
from governance.core.clock import current_time
from governance.core.models import ApiToken, LedgerEvent
from governance.core.tokens import transitions as token_transitions
from tests import people, scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import connect, of_its_own
from tests.environment import ROOT
from tests.people import as_actor
from tests.processes import Site
from tests.scenarios import Company

pytestmark = pytest.mark.process

SCRIPT = ROOT / "docs" / "examples" / "countersign_gate.py"
ACTION = ROOT / "docs" / "examples" / "github-action" / "action.yml"


@dataclass
class Pipeline:
    """A pipeline of Finance Operations, with a token that Rita made for it.

    Args:
        company: of this test alone.
        folder: where it is checked out.
        url: the portal's address.
        secret: its token.
    """

    company: Company
    folder: Path
    url: str
    secret: str

    def run(self, *words: Path | str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        surroundings = {
            "PATH": os.environ["PATH"],
            "COUNTERSIGN_URL": self.url,
            "COUNTERSIGN_TOKEN": self.secret,
            "COUNTERSIGN_OWNER": str(self.company.people.jonas.pk),
            **more,
        }
        command = [sys.executable, str(SCRIPT), *map(str, words)]
        return subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=120, check=False)

    def write(self, name: str, content: bytes) -> Path:
        """A file of the repository."""
        path = self.folder / name
        path.write_bytes(content)
        return path


@pytest.fixture
def pipeline(committed: None, site: Site, tmp_path: Path) -> Pipeline:
    """A company of its own, whose connections are known."""
    company = scenarios.company(people.build(uuid.uuid4().hex[:8], now=current_time.now()))
    secret = token_transitions.new_secret()
    n = company.people
    arguments: dict[str, Any] = {"name": "Deploy", "secret": secret, "days": 7, "team": n.finance_ops}
    token_transitions.make_token(n.rita, actor=as_actor(n.rita), now=current_time.now(), **arguments)
    return Pipeline(company, tmp_path, site.url, secret)


def submission_for(pipeline: Pipeline, export: Path) -> Path:
    """What the team keeps beside its export: the keys of the rows are those that a preview answers."""
    headers = {"Authorization": f"Bearer {pipeline.secret}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{pipeline.url}/api/v1/preview", export.read_bytes(), headers)
    with urllib.request.urlopen(request) as answer:
        rows = json.load(answer)["rows"]
    why = {row["key"]: 'Planners order by it, "on Mondays".' for row in rows if row["kind"] == "privilege"}
    return pipeline.write(
        "submission.json", json.dumps({"purpose": "Sends the stock.", "justifications": why}).encode()
    )


@pytest.mark.rule("A17", "I7", "A1", "A4", "S5")
def test_a_pipeline_brings_in_submits_is_held_and_goes_through_once_people_have_approved(pipeline: Pipeline) -> None:
    word = uuid.uuid4().hex[:8]
    content = of_its_own(stock_report.EXPORT, word)
    connect(pipeline.company, content)
    export = pipeline.write("weekly stock report.json", content)

    unasked = pipeline.run(export)
    assert (unasked.returncode, "Imported: new" in unasked.stdout) == (1, True), unasked
    assert "Held: The automation is draft" in unasked.stderr
    assert "Submit it." in unasked.stderr

    submission = submission_for(pipeline, export)
    held = pipeline.run(export, submission)
    assert held.returncode == 1, held
    assert "Imported: unchanged" in held.stdout
    assert "Submitted. Stage 1 decides about the app" in held.stdout
    assert "Wait for its decisions" in held.stderr

    made = Submission.objects.get(automation__team=pipeline.company.people.finance_ops)
    again = pipeline.run(export, submission)
    assert (again.returncode, "Submitted already." in again.stdout) == (1, True), again
    assert Submission.objects.get(automation__team=pipeline.company.people.finance_ops) == made

    scenarios.decide_all(pipeline.company, made, now=current_time.now())
    through = pipeline.run(export, submission)
    assert (through.returncode, through.stderr) == (0, ""), through
    assert "May run. Version 1 may run." in through.stdout
    assert "Missing" not in through.stdout
    assert pipeline.run(export, "--complete").returncode == 0
    grant = made.automation.grants.get(entitlement__resource=pipeline.company.slack)
    stops.stop_grant(grant, actor=as_actor(pipeline.company.people.sana), now=current_time.now(), reason="Nonsense.")
    partly = pipeline.run(export)
    missing = "  Missing: Post messages to supply-stock in Finance Slack workspace\n"
    assert (partly.returncode, missing in partly.stdout) == (0, True), partly
    whole = pipeline.run(export, "--complete")
    assert (whole.returncode, whole.stderr.startswith("Held: "), missing in whole.stderr) == (1, True, True), whole

    changed = json.loads(content)
    stock_report.one_more_channel(changed)
    newer = pipeline.write("newer.json", json.dumps(changed).encode())
    assert pipeline.run(newer).returncode == 1, "another version is another decision"
    assert pipeline.run(export).returncode == 0, "and what was approved runs on"
    by_token = LedgerEvent.objects.filter(payload__has_key="token", verb="submission.submitted", outcome="done")
    assert by_token.filter(subject_id=str(made.pk)).exists()


@pytest.mark.rule("A17", "S5")
def test_pipeline_without_answer_deploys_nothing_and_hides_token(pipeline: Pipeline) -> None:
    export = pipeline.write("report.json", of_its_own(stock_report.EXPORT, uuid.uuid4().hex[:8]))
    broken = pipeline.write("broken.json", b"{")
    token_transitions.revoke_token(
        ApiToken.objects.get(secret_digest=token_transitions.digest_of(pipeline.secret)),
        actor=as_actor(pipeline.company.people.rita),
        now=current_time.now(),
    )
    answers = [
        pipeline.run(export),
        pipeline.run(export, COUNTERSIGN_URL="http://127.0.0.1:1"),
        pipeline.run(broken),
        pipeline.run(export, COUNTERSIGN_ENVIRONMENT="moon"),
        pipeline.run(export, COUNTERSIGN_URL="http://countersign.example"),
        pipeline.run(export, COUNTERSIGN_URL="http://localhost:1@countersign.example"),
    ]
    for answer in answers:
        assert answer.returncode == 2, answer
        assert pipeline.secret not in answer.stdout + answer.stderr
    assert "NO_TOKEN" in answers[0].stderr
    for plain in answers[-2:]:
        assert plain.stderr == "COUNTERSIGN_URL has to be https://HOST: the token is sent to it.\n"


@pytest.mark.rule("A17", "S5")
def test_pipeline_submits_its_own_version_despite_newer_import(
    pipeline: Pipeline,
) -> None:
    content = of_its_own(stock_report.EXPORT, uuid.uuid4().hex[:8])
    connect(pipeline.company, content)
    export = pipeline.write("report.json", content)
    submission = submission_for(pipeline, export)
    changed = json.loads(content)
    stock_report.one_more_channel(changed)
    pipeline.run(export)
    pipeline.run(pipeline.write("newer.json", json.dumps(changed).encode()))
    held = pipeline.run(export, submission)
    assert "Submitted." in held.stdout, held
    made = Submission.objects.get(automation__team=pipeline.company.people.finance_ops)
    assert made.version.number == 1


@pytest.mark.rule("A17")
def test_action_passes_its_inputs_to_the_command(pipeline: Pipeline) -> None:
    action = yaml.safe_load(ACTION.read_text())
    (step,) = action["runs"]["steps"]
    given = {name: row.get("default", "") for name, row in action["inputs"].items()}
    given |= {"url": pipeline.url, "token": pipeline.secret, "owner": str(pipeline.company.people.jonas.pk)}
    given["export"] = str(pipeline.write("a report.json", of_its_own(stock_report.EXPORT, uuid.uuid4().hex[:8])))
    wanted = re.compile(r"^\$\{\{ inputs\.(\w+) \}\}$")
    filled = {name: given[wanted.match(value)[1]] for name, value in step["env"].items()}  # type: ignore[index]
    surroundings = {"PATH": os.environ["PATH"], "GITHUB_ACTION_PATH": str(ACTION.parent), **filled}
    command = ["bash", "-e", "-c", step["run"]]
    held = subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=120, check=False)
    assert (held.returncode, "Imported: new" in held.stdout) == (1, True), held
    assert "Submit it." in held.stderr
