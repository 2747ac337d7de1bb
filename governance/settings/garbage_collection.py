"""The garbage collector of a process that stands: it looks at what a request made, and seldom."""

import gc

#: New objects until the youngest generation is gone through, and how often that happens before an older one is. Python's own 700 makes a
#: collection of every page: rows and templates make objects by the thousand, and nearly all of them go without it.
THRESHOLDS = (50_000, 20, 20)


def leave_what_stands() -> None:
    """What was made up to here lives as long as the process: no collection goes through it any more; of what is made from here on few do."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
