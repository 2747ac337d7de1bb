"""The product's own timetable with seconds for minutes: ``celery --app tests.journeys.fast_timetable beat`` sends what beat sends, sooner."""

from __future__ import annotations

from governance.celery import app, timetable

EVERY_SECONDS = 1.0
#: So that no job waits behind a minute of old messages.
EXPIRES_SECONDS = 5.0

app.conf.beat_schedule = {
    name: {**entry, "schedule": EVERY_SECONDS, "options": {**entry["options"], "expires": EXPIRES_SECONDS}}
    for name, entry in timetable().items()
}
