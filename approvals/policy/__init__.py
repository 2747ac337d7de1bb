"""The policy as a document: its schema, reading it as somebody wrote it, writing it as text, and what two of them differ in (S8).

Pure: no ORM, no settings. Which policy is in force stands in `approvals.policies.queries`; how one comes into force in `approvals.proposals`.
"""
