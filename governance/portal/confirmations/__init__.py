"""Confirmations: appointments to countersign or accept, and resources to accept or activate, on one page (S8, I3)."""
