"""Room for deep calls: tests run far down in pytest, Django and templates, where Python's own stack is cut into pieces.

Since 3.11 Python hands out the stack in pieces of 16 KB, and gives a piece back as soon as the call that needed it returns. A loop at the
edge of a piece maps and unmaps memory with each call: 87,000 times in one file of forty tests, a twentieth of its time.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol

#: Slots of one frame, a little more than half a megabyte: its piece is doubled until it fits, and the rest serves all calls below.
SLOTS = 2**16 + 256


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test as pytest does, in a frame that asks for `SLOTS`."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    runtestprotocol(item, nextitem=nextitem)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


pytest_runtest_protocol.__code__ = pytest_runtest_protocol.__code__.replace(co_stacksize=SLOTS)
