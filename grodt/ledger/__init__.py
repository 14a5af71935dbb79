"""The ledger: book of record in SQL. The only reader of sqlalchemy.

`Ledger` opens it and gives transactions; one module per noun has the functions that take them: leases, runs, halts, manifest,
baskets, orders, fills, postings, actions, evidence, marks, breaks. They are imported where they are used, so nothing is loaded here.
"""
