"""The garbage collector of a process that stands: it looks at what a request made, and seldom."""

import gc

#: New objects until the youngest generation is gone through, and how often that happens before an older one is. Python's own 700 makes a
#: collection of every page: rows and templates make objects by the thousand, and nearly all of them go without it.
THRESHOLDS = (50_000, 20, 20)


def leave_what_stands() -> None:
    """Freeze the objects made so far, so that no collection visits them again, and collect later ones rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
