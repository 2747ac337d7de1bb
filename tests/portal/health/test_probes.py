"""Probes answer without host, scheme and sign-in. Metrics are for a monitor with the token and have the pages' numbers (P3, R9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from governance.core.clock import current_time
from governance.core.jobs import job_runs
from governance.core.models import JobRun
from governance.portal.figures import jobs as figures
from inventory.models import Automation
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("P3")]

TOKEN = "r4nd0m-and-long-enough-for-us"


def scraped(**headers: str) -> dict[tuple[str, str], float]:
    """Metrics by name and first label."""
    answer = Client(headers=headers).get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {(row.name, next(iter(row.labels.values()), "")): row.value for family in families for row in family.samples}


def test_metrics_are_refused_without_token(settings: Any, company: Company) -> None:
    assert Client().get("/metrics").status_code == 404, "no token is set"
    settings.METRICS_TOKEN = TOKEN
    for client in (Client(), Client(headers={"authorization": f"Bearer {TOKEN}x"}), client_of(company.people.sana)):
        answer = client.get("/metrics")
        assert (answer.status_code, answer.content) == (401, b"")
        assert answer["WWW-Authenticate"] == "Bearer"


def test_metrics_tell_figures_jobs_and_failures(settings: Any, stock_in_force: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    job_runs.run_job(figures.JOB, figures.sweep)
    found = scraped(authorization=f"Bearer {TOKEN}")
    live = sum(value for (name, label), value in found.items() if label.startswith("automations.live."))
    assert live == Automation.objects.filter(state="live").count() > 0
    run = JobRun.objects.get(job=figures.JOB)
    assert run.seen_at is not None
    assert found["countersign_job_last_run_timestamp_seconds", figures.JOB] == pytest.approx(run.seen_at.timestamp())
    assert found["countersign_job_late", figures.JOB] == 0
    before = found["countersign_health_failures", "jobs"]
    JobRun.objects.update(seen_at=current_time.real() - timedelta(hours=1))
    found = scraped(authorization=f"Bearer {TOKEN}")
    assert found["countersign_job_late", figures.JOB] == 1
    assert found["countersign_health_failures", "jobs"] == before + 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probe_needs_no_host_scheme_or_sign_in(path: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["countersign.example"], True
    settings.METRICS_TOKEN = TOKEN
    client = Client(headers={"host": "10.1.2.3:8000", "authorization": f"Bearer {TOKEN}"})
    assert client.get("/").status_code == 400
    answer = client.get(path)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store, private")
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405
    assert client.get(f"{path}/").status_code == 400, "nothing below a probe is open"
