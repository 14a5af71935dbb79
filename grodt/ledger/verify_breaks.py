"""A check of breaks: that they are as they were found, seen, given to people and resolved."""

from grodt.ledger.transaction import Read
from grodt.ledger.verify_findings import Found, ask

_FOUND = ("book", "kind", "symbol", "first_session", "first_seen_at")
_SEEN = {"last_session": "session", "last_seen_at": "seen_at", "run_id": "run_id", "ours": "ours", "theirs": "theirs"}
_RESOLVED = {"resolved_at": "resolved_at", "resolved_reason": "reason", "resolved_author": "author"}


def check_kept(tx: Read, book: str | None) -> Found:
    """Each break stands in `breaks` as its facts say, and none stands there that nobody has found.

    A break is seen again and again, so its figures are those of its last sight, and its price that of the last one that knew a price.
    """
    last = "(SELECT {0} FROM {1} AS of_it WHERE of_it.break_id = s.break_id{2} ORDER BY {3} DESC LIMIT 1)".format
    sight = last("sight_id", "break_sights", "", "sight_id")
    price = last("price", "break_sights", " AND price IS NOT NULL", "sight_id")
    assigned = last("owner", "break_assignments", "", "assignment_id")
    query = f"""
        SELECT * FROM (
          SELECT s.break_id, s.book, s.kind, s.symbol, CASE
            WHEN b.break_id IS NULL THEN 'it was found and is not among the breaks any more'
            WHEN {_apart("b", "s", {name: name for name in _FOUND})} THEN 'it stands otherwise among the breaks than it was found'
            WHEN {_apart("b", "l", _SEEN)} OR b.price IS DISTINCT FROM {price} THEN 'its figures are others than it was last seen with'
            WHEN r.break_id IS NULL AND b.resolved_at IS NOT NULL THEN 'it stands as resolved, and nobody has resolved it'
            WHEN r.break_id IS NOT NULL AND b.resolved_at IS NULL THEN 'it was resolved and stands as open'
            WHEN {_apart("b", "r", _RESOLVED)} THEN 'it stands as resolved otherwise than it was'
            WHEN b.owner IS DISTINCT FROM coalesce({assigned}, s.owner) THEN 'its owner is another than it was last given to'
          END AS fault
          FROM break_starts AS s LEFT JOIN breaks AS b ON b.break_id = s.break_id LEFT JOIN break_sights AS l ON l.sight_id = {sight}
          LEFT JOIN break_resolutions AS r ON r.break_id = s.break_id WHERE :book IS NULL OR s.book = :book
        ) AS found WHERE fault IS NOT NULL ORDER BY break_id
    """
    made_up = """
        SELECT b.break_id, b.book, b.kind, b.symbol, 'it stands among the breaks, and nobody has found it' AS fault FROM breaks AS b
        WHERE (:book IS NULL OR b.book = :book) AND NOT EXISTS (SELECT 1 FROM break_starts AS s WHERE s.break_id = b.break_id) ORDER BY 1
    """
    kept = int(ask(tx, "SELECT count(*) FROM break_starts WHERE :book IS NULL OR book = :book", book=book).scalar_one())
    wrong = (
        f"break {row.break_id} of book {row.book} ({' '.join(filter(None, (row.kind, row.symbol)))}): {row.fault}"
        for each in (query, made_up)
        for row in ask(tx, each, book=book)
    )
    return Found(f"{kept:,} breaks", kept, wrong)


def _apart(one: str, other: str, names: dict[str, str]) -> str:
    return " OR ".join(f"{one}.{name} IS DISTINCT FROM {other}.{told}" for name, told in names.items())
