"""Access levels (I4): their order, and which of them include others."""

from types import MappingProxyType
from typing import Literal

Access = Literal["read", "write", "admin", "execute", "unknown"]
#: Levels from least to most severe. An unknown level counts as write.
LEVEL_ORDER = ("read", "write", "execute", "admin")
#: Levels with unknown, between read and write, for comparing two levels.
POWER = ("read", "unknown", "write", "execute", "admin")
#: Levels that each level includes, and so may be lowered to (A7). `LEVEL_ORDER` is one order of severity; inclusion is
#: none: execute does not include write.
LOWER = MappingProxyType({"read": (), "write": ("read",), "execute": (), "admin": ("read", "write", "execute")})


def is_within(level: str, other: str) -> bool:
    """Whether a level is included in another; an unknown level counts as write (I4)."""
    less, more = (item if item in LOWER else "write" for item in (level, other))
    return less == more or less in LOWER[more]


def higher_level(level: str, other: str) -> str:
    """Higher of two levels; unknown stands between read and write (I4)."""
    return max(level, other, key=POWER.index)
