"""Migrations of the ledger's schema, run by `grodt.ledger.schema`. A revision that was released is never edited."""
