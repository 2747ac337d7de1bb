"""Numbers of the installation for monitors, in the text format of Prometheus (P3).

They come from the database, so each web process gives the same ones. The web server and the proxy count requests.
"""

from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from governance.core.health import queries as health_queries
from governance.core.jobs import job_runs
from governance.core.ledger import sealing
from governance.portal.figures import queries as figure_queries


def exposition(*, now: datetime, at: datetime) -> bytes:
    """Return all metrics.

    Args:
        now: business time.
        at: real time.
    """
    registry = CollectorRegistry()

    def gauge(name: str, words: str, *labels: str) -> Gauge:
        return Gauge(name, words, labels, namespace="countersign", registry=registry)

    failures = gauge("health_failures", "Failures of the health check by part of the installation.", "part")
    for part in ("jobs", "ledger", "mail", "stream", "keys"):
        failures.labels(part)
    for finding in health_queries.findings(now=now, at=at):
        if finding.is_failure:
            failures.labels(finding.part).inc()
    last = gauge("job_last_run_timestamp_seconds", "End of a job's last run; 0 before the first.", "job")
    late = gauge("job_late", "1 for a job that is late.", "job")
    for job in job_runs.health(at):
        last.labels(job.job).set(job.last.seen_at.timestamp() if job.last is not None and job.last.seen_at else 0)
        late.labels(job.job).set(job.is_late)
    seal = sealing.latest()
    gauge("ledger_seals", "Number of the last seal.").set(seal.number if seal is not None else 0)
    gauge("ledger_seal_timestamp_seconds", "Time of the last seal.").set(seal.at.timestamp() if seal is not None else 0)
    figures = figure_queries.load_figures(figure_queries.Scope(None, ""), now)
    gauge("figures_timestamp_seconds", "Time of the figures.").set(figures.at.timestamp() if figures.at else 0)
    figure = gauge("figure", "Figures of the dashboard, for the organisation.", "name")
    for name, value in figures.values.items():
        figure.labels(name).set(value)
    return generate_latest(registry)
