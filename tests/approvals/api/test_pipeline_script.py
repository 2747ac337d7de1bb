"""The script of the documentation, run as a pipeline runs it, against the real web server: held until people have approved (A17, S5)."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
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
        pipeline.run("--help"),
        pipeline.run(export, COUNTERSIGN_TOKEN=f"{pipeline.secret}\n"),
        pipeline.run(export, COUNTERSIGN_URL="https://[::1"),
        pipeline.run(export, COUNTERSIGN_URL=f"{pipeline.url}/elsewhere"),
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


class Impostor(http.server.BaseHTTPRequestHandler):
    """Answers a gate's questions with what the server holds."""

    def answer(self) -> None:
        """Send the next answer of the list, again and again."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, headers, content = self.server.answers[self.path.startswith("/api/v1/gate/")]  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer  # noqa: N815  the library's names

    def log_message(self, *args: object) -> None:
        """Nothing."""


IMPORTED = (200, {}, b'{"outcome": "new", "automation": {"id": 1}, "version": {"manifest_digest": "sha256:0"}}')
GATE = {"allowed": True, "reason": "R.", "to_do": "", "page": "", "without": []}


@pytest.mark.rule("A17")
@pytest.mark.parametrize(
    ("imported", "gate", "code"),
    [
        (IMPORTED, (200, {}, json.dumps(GATE).encode()), 0),
        (IMPORTED, (200, {}, json.dumps({**GATE, "allowed": "false"}).encode()), 1),
        (IMPORTED, (200, {}, json.dumps({**GATE, "without": ["a\n::stop-commands::x"]}).encode()), 0),
        (IMPORTED, (200, {}, json.dumps({"allowed": True}).encode()), 2),
        (IMPORTED, (200, {}, b"[]"), 2),
        (IMPORTED, (200, {"Content-Length": "9999"}, b'{"allowed": true'), 2),
        (IMPORTED, (302, {"Location": "https://elsewhere.example"}, b""), 2),
        (IMPORTED, (503, {"Retry-After": "Tue, 01 Dec 2026 00:00:00 GMT"}, b"<html>"), 2),
        ((422, {}, b'{"detail": ["d"], "fields": [{"x": 1}]}'), IMPORTED, 2),
        ((200, {}, b'{"outcome": "new"}'), IMPORTED, 2),
    ],
)
def test_answers_that_are_not_understood_deploy_nothing(imported: Any, gate: Any, code: int, tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Impostor)
    server.answers = (imported, gate)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    export = tmp_path / "export.json"
    export.write_text("{}")
    url = f"http://127.0.0.1:{server.server_address[1]}"
    surroundings = {"COUNTERSIGN_URL": url, "COUNTERSIGN_TOKEN": "open-sesame", "http_proxy": "http://127.0.0.1:1"}
    try:
        ended = subprocess.run(
            [sys.executable, str(SCRIPT), str(export)],
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr
    assert "\n::" not in ended.stdout + ended.stderr
    assert "open-sesame" not in ended.stdout + ended.stderr


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

    def run(**more: str) -> subprocess.CompletedProcess[str]:
        everything = {**surroundings, **more}
        return subprocess.run(command, env=everything, capture_output=True, text=True, timeout=120, check=False)

    held = run()
    assert (held.returncode, "Imported: new" in held.stdout) == (1, True), held
    assert "Submit it." in held.stderr
    for wrong in ({"EXPORT": "-h"}, {"EXPORT": "--complete"}, {"SUBMISSION": "-h"}, {"COMPLETE": "True"}):
        assert run(**wrong).returncode == 2, wrong
