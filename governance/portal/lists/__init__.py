"""Lists: CSV files of people, teams, resources and entitlements, previewed and then applied (P1)."""
