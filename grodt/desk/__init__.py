"""The desk: an API and pages over the ledger, for people who look at books, stop them, and decide what waits for them."""
