"""Changes of rules, and of who answers, as proposals that a second person countersigns (S8).

What can be proposed stands in one registry (`kind`); each kind says what its target is, how its document is read, what two of them differ
in, who gains by it, what it would have changed, and how it comes into force. The operations stand in `approvals.proposals.transitions`,
and what a proposal would have changed is counted in the background (`proposals.jobs`).
"""
