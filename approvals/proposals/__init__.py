"""Proposals: changes of rules and responsibilities that a second person countersigns (S8).

The registry `kind` lists what can be proposed. A kind defines its target, its document, the changes, the people who
gain, the impact, and how it comes into force. The operations are in `approvals.proposals.transitions`;
`proposals.jobs` counts the impact and ends proposals whose time is up.
"""
