"""How long a test goes on: short enough for every change, or, under `make soak`, as long as real use might."""

from __future__ import annotations

import os

import pytest

#: Set by `make soak`: the long versions.
IS_SOAK = bool(os.environ.get("SOAK"))


def did(request: pytest.FixtureRequest, words: str) -> None:
    """Have the end of the run say what a long test did: "1,000 rounds of two deciders at once"."""
    request.node.user_properties.append(("did", words))


def of(usual: int, *, soak: int) -> int:
    """How many rounds, rows or steps a test takes.

    Args:
        usual: under `make test`; the design's figure where it names one.
        soak: under `make soak`, where whoever asks has minutes to an hour.
    """
    return soak if IS_SOAK else usual
