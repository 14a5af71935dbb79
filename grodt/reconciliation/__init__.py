"""Is our ledger what the broker has, and is it all that it should be? Nothing heals itself here.

Positions are compared exactly, cash within a cent, open orders one by one (`books`). Fills, interest and fees of sessions that are not
settled yet wait to be booked, and so does what open orders have traded in fractions of a share that do not come to whole ones yet; where
the broker tells of some, the account is compared as it was before them (`before`). A difference halts the book (`halting`).
"""

from grodt.reconciliation.before import Compared, compared
from grodt.reconciliation.books import Books, compare
from grodt.reconciliation.halting import Reconciled, reconcile

__all__ = ["Books", "Compared", "Reconciled", "compare", "compared", "reconcile"]
