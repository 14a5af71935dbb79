"""Every table whose rows are never changed or deleted, of all modules of tables but that of the audit chain."""

from grodt.ledger import (
    tables_accounts,
    tables_breaks,
    tables_cash,
    tables_checks,
    tables_halts,
    tables_lake,
    tables_marks,
    tables_orders,
    tables_people,
    tables_postings,
    tables_strategies,
    tables_unbooked,
    tables_users,
)

_MODULES = (
    tables_lake,
    tables_orders,
    tables_postings,
    tables_marks,
    tables_breaks,
    tables_people,
    tables_halts,
    tables_users,
    tables_checks,
    tables_strategies,
    tables_unbooked,
    tables_cash,
    tables_accounts,
)
APPEND_ONLY = tuple(name for module in _MODULES for name in module.APPEND_ONLY)
