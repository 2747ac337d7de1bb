"""Room for deep calls: tests run far down in pytest, Django and templates, where Python's own stack is cut into pieces.

Since 3.11 it hands the stack out in pieces of 16 KB, and gives a piece back as soon as the call that needed it returns. A loop that stands
at an edge maps and unmaps memory with every call: 87,000 times in one file of forty tests, a twentieth of what it took.
"""

from __future__ import annotations

from _pytest import runner

#: Slots of one frame, a little more than half a megabyte: its piece is doubled until it fits, and what is left over serves all calls below.
SLOTS = 2**16 + 256


def make_room() -> None:
    """Have the function in which pytest runs a test ask for a frame of that size."""
    runner.runtestprotocol.__code__ = runner.runtestprotocol.__code__.replace(co_stacksize=SLOTS)
