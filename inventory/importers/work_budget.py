"""Work limits of the secret scan and node ordering for one file, counted in steps and never in time.

A hit is one place to check: a keyword in a text, an address, a command line argument, a secret. Characters count once
for each pass and again for each judged value. Looks are at nodes and wires.
"""

from dataclasses import dataclass

CLEAR = "Clear the pinned data, or export fewer automations at a time, and import that file."


class OverBudget(Exception):
    """A file exceeds its work budget. The text is the reason, a clause without a full stop."""


@dataclass(slots=True)
class Budget:
    """Limits of one file, and the work spent so far on its automations.

    Real exports spend less than a fiftieth of each limit. At both limits the scan takes a few seconds.
    """

    hits: int = 100_000
    characters: int = 30_000_000
    looks: int = 4_000_000
    spent_hits: int = 0
    spent_characters: int = 0
    spent_looks: int = 0

    def hit(self, count: int = 1) -> None:
        """Spend `count` hits.

        Raises:
            OverBudget: the file has more places to check than its budget allows.
        """
        self.spent_hits += count
        if self.spent_hits > self.hits:
            raise OverBudget(f"it has more than {self.hits:,} places to check for secrets")

    def spend_characters(self, characters: int) -> None:
        """Spend `characters`.

        Raises:
            OverBudget: the scan would read more than its budget allows.
        """
        self.spent_characters += characters
        if self.spent_characters > self.characters:
            raise OverBudget(f"its texts have more than {self.characters:,} characters to check for secrets")

    def look(self, count: int) -> None:
        """Spend `count` looks at a node or a wire during ordering.

        Raises:
            OverBudget: the automations of the file take more than its budget allows.
        """
        self.spent_looks += count
        if self.spent_looks > self.looks:
            raise OverBudget(f"putting its nodes in order takes more than {self.looks:,} steps")
