"""Every page, opened by eight people at once, again and again: none breaks, none is refused after it was offered."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from tests import run_lengths
from tests.browser.test_axe import TOUR
from tests.browser.tour_company import World
from tests.processes import Site

pytestmark = [pytest.mark.process, pytest.mark.soak(only=True)]

#: Who is at it at once, and how often each opens all pages.
PEOPLE, ROUNDS = 8, run_lengths.run_length(2, soak=12)
#: Seconds that an answer may take with everybody at it: nothing hangs.
PATIENCE = 30
#: Longer than the test takes: a password of a few minutes ago would no longer open the pages of the second factor.
LONGEST = timedelta(hours=2)


def stops(world: World) -> Iterator[tuple[str, str]]:
    """Cookie and path of each stop of the tour."""
    cookies: dict[str, str] = {"": ""}
    for who, name, *more in TOUR:
        if who not in cookies:
            cookies[who] = f"{settings.SESSION_COOKIE_NAME}={world.session_of(who, ahead=LONGEST)}"
        if name != "account_logout":
            yield cookies[who], world.path(name, *more)


#: Cookie, path and status: how often.
Found = Counter[tuple[str, str, int]]


def visit(site: Site, visits: list[tuple[str, str]], seed: int, counts: Found, *, rounds: int = ROUNDS) -> None:
    """One person's rounds, in an order of their own; what each path answered is counted."""
    where, order = urlsplit(site.url), random.Random(seed)
    for _ in range(rounds):
        for cookie, path in order.sample(visits, len(visits)):
            line = HTTPConnection(str(where.hostname), where.port, timeout=PATIENCE)
            try:
                line.request("GET", path, headers={"Cookie": cookie, "Host": where.netloc})
                answer = line.getresponse()
                answer.read()
                counts[cookie, path, answer.status] += 1
            except OSError:
                counts[cookie, path, 0] += 1
            finally:
                line.close()


def test_every_page_with_eight_people_at_once(site: Site, committed: None, request: pytest.FixtureRequest) -> None:
    visits = list(stops(World()))
    alone, counts = Found(), [Found() for _ in range(PEOPLE)]
    visit(site, visits, 0, alone, rounds=1)
    threads = [
        threading.Thread(target=visit, args=(site, visits, seed, answers)) for seed, answers in enumerate(counts)
    ]
    for thread in threads:
        thread.start()
    whole = PEOPLE * ROUNDS * len(visits)
    for thread in threads:
        while thread.is_alive():
            thread.join(1)
            run_lengths.going(request, f"{sum(answers.total() for answers in counts):,} of {whole:,} answers")
    total = sum(counts, Found())
    broken = {f"{status} {path}": number for (_, path, status), number in total.items() if not status or status >= 500}
    assert broken == {}
    assert total.total() == whole
    assert set(total) == set(alone), "everybody is answered as when they were alone"
    pages = {path for _, path, _ in total}
    run_lengths.did(request, f"{whole:,} answers of {len(pages)} pages to {PEOPLE} people at once, none broken")
