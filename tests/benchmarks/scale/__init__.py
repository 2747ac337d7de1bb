"""A large company at once: a hundred thousand automations and a million grants, to see and measure Countersign at that size.

Rows are written by set, past the engine, but not past the database: every trigger and constraint of the product holds for them, so each
decision was open to who took it and each grant rests on two approvals. Nothing is random: the number of an automation says what it is.
"""
