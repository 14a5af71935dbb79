"""Running numbers of rows whose facts stand in a table of their own."""

from typing import Any

from sqlalchemy import Column, func, select

from grodt.ledger.transaction import Write


def next_number(tx: Write, *columns: Column[Any]) -> int:
    """One more than any number in the columns: those of a row's table and of its facts.

    A row that was removed by hand leaves its number to its facts. The database would give it out again, and refuse what is written with it.
    """
    last = [select(func.coalesce(func.max(column), 0)).scalar_subquery() for column in columns]
    return 1 + max(map(int, tx.connection.execute(select(*last)).one()))
