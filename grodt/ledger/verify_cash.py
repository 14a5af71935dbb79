"""Interest and fees in the ledger: each is an activity that the broker told, to the micro, or a correction that people booked."""

from collections.abc import Iterator

from grodt.ledger.transaction import Read
from grodt.ledger.verify_findings import Found, ask, stream

_TOLD = "a.book = e.book AND e.entry_id = 'activity:' || a.book || ':' || a.activity_id AND a.reason = ''"


def check_charges(tx: Read, book: str | None) -> Found:
    """Entries of interest and fees against what was told."""
    where = "(:book IS NULL OR book = :book)"
    told = ask(tx, f"SELECT count(*) FROM cash_activities WHERE {where}", book=book).scalar_one()
    booked = ask(tx, f"SELECT count(*) FROM entries WHERE kind IN ('interest', 'fee') AND {where}", book=book).scalar_one()
    return Found(f"{booked:,} entries of interest and fees against {told:,} activities", told + booked, _other(tx, book))


def _other(tx: Read, book: str | None) -> Iterator[str]:
    nobody = f"""
        SELECT e.entry_id, e.kind FROM entries AS e WHERE e.kind IN ('interest', 'fee') AND e.entry_id NOT LIKE 'correction:%'
        AND (:book IS NULL OR e.book = :book) AND NOT EXISTS (SELECT 1 FROM cash_activities AS a WHERE {_TOLD}) ORDER BY 1
    """
    for row in stream(tx, nobody, book=book):
        yield f"entry {row.entry_id} is of {row.kind} that no broker told and nobody has corrected"
    posted = "(SELECT coalesce(sum(p.amount), 0) FROM postings AS p WHERE p.entry_id = e.entry_id AND p.account = '{}')"
    otherwise = f"""
        SELECT * FROM (
          SELECT a.book, a.activity_id, a.kind, a.amount, e.kind AS booked_as, {posted.format("cash")} AS cash
          FROM cash_activities AS a LEFT JOIN entries AS e ON {_TOLD} WHERE a.reason = '' AND (:book IS NULL OR a.book = :book)
        ) AS told WHERE booked_as IS NULL OR booked_as <> kind OR cash <> amount ORDER BY book, activity_id
    """
    for row in stream(tx, otherwise, book=book):
        booked = "is not booked" if row.booked_as is None else f"is booked as {row.booked_as} of {row.cash:,}"
        yield f"activity {row.activity_id} of book {row.book} was told as {row.kind} of {row.amount:,} micros of cash and {booked}"
