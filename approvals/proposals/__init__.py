"""Proposals: changes of rules and responsibilities that a second person countersigns (S8).

The registry `kind` lists what can be proposed. A kind defines its target, its document, the changes, the people who
gain, the impact, and how it comes into force. The operations are in `approvals.proposals.transitions`;
`proposals.impact_count` counts the impact, and `proposals.jobs` ends proposals whose time is up.
"""
