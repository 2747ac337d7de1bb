# One image for every process: web (the default), worker, beat and management commands. See docs/operations.md.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
COPY requirements/base.txt requirements/base.txt
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r requirements/base.txt
COPY LICENSE manage.py pyproject.toml ./
COPY governance governance
COPY approvals approvals
COPY inventory inventory
COPY templates templates
COPY static static
COPY docs/glossary.md docs/glossary.md
# The settings want values; none of these stays in the image.
RUN DJANGO_SETTINGS_MODULE=governance.settings.prod SECRET_KEY=- DATABASE_URL=postgresql:///- REDIS_URL=redis://- \
    ALLOWED_HOSTS=- BASE_URL=https://localhost TRUSTED_PROXIES=none \
    /venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
    && /venv/bin/python -m compileall -q governance approvals inventory

FROM python:3.11-slim-bookworm
RUN groupadd --system --gid 10001 countersign \
    && useradd --system --uid 10001 --gid countersign --home-dir /var/lib/countersign --create-home --shell /usr/sbin/nologin countersign
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=governance.settings.prod \
    COUNTERSIGN_HOME=/var/lib/countersign
WORKDIR /app
USER 10001:10001
# Keys and checkpoint. Nothing else is written outside /tmp, so that the root may be read-only.
VOLUME ["/var/lib/countersign"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "4", "--no-ws", "--workers-kill-timeout", "5", "--respawn-failed-workers", "governance.wsgi:application"]
