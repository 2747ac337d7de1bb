"""The audit stream: every sealed event of the ledger goes to the organisation's SIEM (H2)."""
