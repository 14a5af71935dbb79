"""Every table whose rows are never changed or deleted, of all modules of tables but that of the audit chain."""

from grodt.ledger import tables, tables_checks, tables_halts, tables_people, tables_slots, tables_strategies, tables_users

_MODULES = (tables, tables_people, tables_halts, tables_users, tables_checks, tables_strategies, tables_slots)
APPEND_ONLY = tuple(name for module in _MODULES for name in module.APPEND_ONLY)
