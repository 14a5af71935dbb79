"""The invariants of the ledger, asked of the file as it stands. What each one means is in docs/verify.md.

Every check reads and changes nothing, and says what it looked at, so that an empty ledger is not taken for a sound one.
"""

from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Row

from grodt.ledger.entries import entry_digest
from grodt.ledger.sequence import came_first
from grodt.ledger.strategies import check_strategies
from grodt.ledger.transaction import Read
from grodt.ledger.verify_breaks import check_kept
from grodt.ledger.verify_cash import check_charges
from grodt.ledger.verify_chain import verify_chain
from grodt.ledger.verify_damage import looked
from grodt.ledger.verify_findings import SHOWN, Check, Found, Say, ask, stream
from grodt.ledger.verify_halts import check_halts, check_made
from grodt.ledger.verify_marks import check_marks
from grodt.ledger.verify_orders import check_decided, check_ids, check_life

#: Kinds of entries that may move shares, beside fills.
_MOVES_SHARES = ("split", "delisting", "symbol_change", "correction")
_RESTORE = "restore the latest backup that verifies, and run the cycles since then again"
_CARRY_ANEW = "where no other check fails, the postings stand: make the sums anew, as docs/verify.md says; else restore a backup"


def verify_ledger(tx: Read, book: str | None = None, head: str | None = None, say: Say = lambda _: None) -> tuple[Check, ...]:
    """Every check, by invariant. Whatever there may be millions of is read some rows at a time.

    A check that a damaged value ends does not hold, and the next one runs.

    Args:
        tx: the ledger.
        book: only this book's rows; the audit chain and the manifest are of the whole ledger. None: every book.
        head: of the audit chain, noted earlier.
        say: hears what is being checked.

    Raises:
        DBAPIError: the database cannot be asked any more, which says nothing of what is in it.
    """

    def checked(invariant: int, what: str, advice: str, check: Callable[[Read, str | None], Found]) -> Check:
        say(what)
        return Check(invariant, what, *looked(tx, lambda: check(tx, book)), advice)

    whole = checked(0, "the database file is whole", _RESTORE, lambda tx, _: _file_is_whole(tx))
    chain = _chain(tx, head, say)
    return (
        whole,
        checked(1, "postings of an entry sum to zero", _RESTORE, _balanced),
        checked(2, "positions and cash come from fills, actions and postings", _RESTORE, _derived),
        checked(2, "interest and fees are what the broker told, or people have corrected", _RESTORE, check_charges),
        checked(2, "balances carried on are the sums of their postings", _CARRY_ANEW, _carried),
        checked(2, "high-water marks are the highest equity up to them", _RESTORE, check_marks),
        checked(2, "what strategies hold adds up to what the book holds", _RESTORE, check_strategies),
        checked(3, "one order of an intent, its id a function of the intent", _RESTORE, check_ids),
        checked(4, "orders and their fills go forward only", _RESTORE, check_life),
        checked(5, "sent after a committed intent, approval and verdict", "compare the order with the broker's", check_decided),
        checked(6, "nothing sent while a halt held", "compare the order with the broker's; who sent it?", check_halts),
        checked(6, "halts are as they were made and ended", "halt again what they stopped, then restore a backup", check_made),
        checked(8, "decided on what was known", "replay the session and compare its orders", _known),
        chain,
        checked(9, "postings are those their entries' digests are of", _RESTORE, _digests),
        checked(10, "settled sessions agree with the broker", "work the break: `grodt breaks`", _agreed),
        checked(
            10, "breaks are as they were found and resolved", "compare the account: `grodt reconcile`; then restore a backup", check_kept
        ),
    )


def _chain(tx: Read, head: str | None, say: Say) -> Check:
    heads: list[str] = []

    def check() -> Found:
        chain = verify_chain(tx, head, say)
        heads[:] = [chain.head]
        return Found(f"{chain.rows:,} rows over {chain.facts:,} facts, head {chain.head[:12]}", chain.facts, iter(chain.findings))

    return Check(9, "the audit chain", *looked(tx, check, shown=None), _RESTORE, *heads)


def _file_is_whole(tx: Read) -> Found:
    """What SQLite itself finds wrong with its file: pages, indices that lack rows, keys that refer to nothing. A server sees to its own."""
    if tx.connection.dialect.name != "sqlite":
        return Found("a server's own pages are its to check (pg_amcheck)", 0, iter(()))
    pages = int(tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one())

    def wrong() -> Iterator[str]:
        damage = tx.connection.exec_driver_sql(f"PRAGMA integrity_check({SHOWN + 1})").scalars().all()
        yield from (each for each in damage if each != "ok")
        for row in tx.connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(SHOWN + 1):
            yield f"a row of {row[0]} refers to none of {row[2]}"

    return Found(f"{pages:,} pages", pages, wrong())


def _balanced(tx: Read, book: str | None) -> Found:
    query = """
        SELECT entry_id, asset, CASE asset WHEN 'shares' THEN symbol ELSE '' END AS what,
          sum(amount >> 32) AS high, sum(amount & 4294967295) AS low
        FROM postings WHERE :book IS NULL OR book = :book GROUP BY 1, 2, 3
        HAVING sum(amount >> 32) * 4294967296 + sum(amount & 4294967295) <> 0 ORDER BY 1, 2, 3
    """  # by halves, because a sum of amounts that somebody wrote may have more than 64 bits
    postings = _count(tx, "postings", book)
    findings = (
        f"entry {row.entry_id} is out of balance by {(row.high << 32) + row.low:,} {' '.join(filter(None, (row.what, row.asset)))}"
        for row in stream(tx, query, book=book)
    )
    return Found(f"{postings:,} postings of {_count(tx, 'entries', book):,} entries", postings, findings)


def _derived(tx: Read, book: str | None) -> Found:
    fills, entries = _count(tx, "fills", book), _count(tx, "entries", book)
    return Found(f"{fills:,} fills against their entries", fills + entries, _not_derived(tx, book))


def _not_derived(tx: Read, book: str | None) -> Iterator[str]:
    signed = "CASE f.side WHEN 'buy' THEN f.quantity ELSE -f.quantity END"
    posted = "(SELECT coalesce(sum(p.amount), 0) FROM postings AS p WHERE p.entry_id = 'fill:' || f.execution_id AND p.account = '{}'{})"
    shares, cash = posted.format("position", " AND p.symbol = f.symbol"), posted.format("cash", "")
    paid = "CASE f.side WHEN 'buy' THEN -f.notional ELSE f.notional END"
    in_trades = "EXISTS (SELECT 1 FROM fill_trades AS t WHERE t.execution_id = booked.execution_id)"
    query = f"""
        SELECT * FROM (
          SELECT f.execution_id, f.symbol, {signed} AS shares, {paid} - f.commission AS cash, f.quantity,
            {shares} AS posted_shares, {cash} AS posted_cash, f.notional - f.quantity * f.price AS off
          FROM fills AS f WHERE :book IS NULL OR f.book = :book
        ) AS booked WHERE shares <> posted_shares OR cash <> posted_cash
          OR (off <> 0 AND (2 * abs(off) > quantity OR NOT {in_trades})) ORDER BY execution_id
    """
    for row in stream(tx, query, book=book):
        yield (
            f"fill {row.execution_id} of {row.symbol} is {row.shares:,} shares and {row.cash:,} micros of cash, and its entry posts "
            f"{row.posted_shares:,} and {row.posted_cash:,}"
        )
    no_fill = """
        SELECT e.entry_id FROM entries AS e WHERE e.kind = 'fill' AND (:book IS NULL OR e.book = :book)
        AND NOT EXISTS (SELECT 1 FROM fills AS f WHERE f.execution_id = substr(e.entry_id, 6)) ORDER BY 1
    """
    for row in stream(tx, no_fill, book=book):
        yield f"entry {row.entry_id} is of a fill that is not in the ledger"
    moved = f"""
        SELECT DISTINCT e.entry_id, e.kind FROM postings AS p JOIN entries AS e ON e.entry_id = p.entry_id
        WHERE p.account = 'position' AND e.kind NOT IN ('fill', {", ".join(f"'{kind}'" for kind in _MOVES_SHARES)})
        AND (:book IS NULL OR p.book = :book) ORDER BY 1
    """
    for row in stream(tx, moved, book=book):
        yield f"entry {row.entry_id} moves shares, which a {row.kind} never does"
    orphan = """
        SELECT DISTINCT p.entry_id FROM postings AS p WHERE (:book IS NULL OR p.book = :book)
        AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.entry_id = p.entry_id) ORDER BY 1
    """
    for row in stream(tx, orphan, book=book):
        yield f"postings of entry {row.entry_id} stand without it"


def _carried(tx: Read, book: str | None) -> Found:
    query = """
        SELECT book, account, asset, symbol, sum(posted) AS posted, sum(carried) AS carried FROM (
          SELECT book, account, asset, symbol, sum(amount) AS posted, 0 AS carried FROM postings
          WHERE :book IS NULL OR book = :book GROUP BY 1, 2, 3, 4
          UNION ALL SELECT book, account, asset, symbol, 0, amount FROM carried WHERE :book IS NULL OR book = :book
        ) AS sums GROUP BY 1, 2, 3, 4 HAVING sum(posted) <> sum(carried) ORDER BY 1, 2, 3, 4
    """
    findings = (
        f"account {' '.join(filter(None, (row.account, row.asset, row.symbol)))} of book {row.book} is carried as {row.carried:,}, "
        f"and its postings come to {row.posted:,}"
        for row in stream(tx, query, book=book)
    )
    balances = _count(tx, "carried", book)
    return Found(f"{balances:,} balances", balances + _count(tx, "postings", book), findings)


def _known(tx: Read, book: str | None) -> Found:
    query = """
        SELECT r.run_id, r.snapshot_version, min(b.recorded_at) AS decided_at FROM runs AS r JOIN baskets AS b ON b.run_id = r.run_id
        WHERE r.snapshot_version IS NOT NULL AND (:book IS NULL OR r.book = :book) GROUP BY 1, 2 ORDER BY 3, 1
    """
    decided = _rows(tx, query, book)
    checked = f"{len(decided):,} decisions against {_count(tx, 'lake_files', None):,} files"
    return Found(checked, len(decided), _known_later(tx, decided) if decided else iter(()))


def _known_later(tx: Read, decided: list[Row[Any]]) -> Iterator[str]:
    """Decisions on what their instants say was known later, where the audit chain does not say that it was committed before."""
    latest: list[tuple[str, str, str, dict[str, str | int]]] = [("", "", "", {})]
    query = """
        SELECT c.version, c.committed_at, max(f.known_at) AS known_at,
          (SELECT g.path FROM lake_files AS g WHERE g.version = c.version ORDER BY g.known_at DESC, g.path LIMIT 1) AS path
        FROM lake_commits AS c LEFT JOIN lake_files AS f ON f.version = c.version GROUP BY 1, 2 ORDER BY 1
    """
    for row in _rows(tx, query, None):
        version: dict[str, str | int] = {"version": row.version}
        commit = (row.committed_at, f"version {row.version} of the lake", "lake_commits", version)
        file = (row.known_at or "", f"{row.path} of version {row.version}", "lake_files", version | {"path": row.path})
        latest.append(max(latest[-1], commit, file, key=itemgetter(0, 1)))
    for run in decided:
        if run.snapshot_version >= len(latest):
            yield f"run {run.run_id} decided on version {run.snapshot_version} of the lake, which is not there"
            continue
        at, what, table, key = latest[run.snapshot_version]
        if at > run.decided_at and not came_first(tx, table, key, "baskets", {"run_id": run.run_id}):
            yield f"run {run.run_id} decided at {run.decided_at} on {what}, known at {at}"


def _digests(tx: Read, book: str | None) -> Found:
    query = """
        SELECT e.entry_id, e.kind, e.book, e.session, e.memo, e.digest, p.book AS posted_to, p.account, p.asset, p.symbol, p.amount
        FROM entries AS e LEFT JOIN postings AS p ON p.entry_id = e.entry_id
        WHERE :book IS NULL OR e.book = :book ORDER BY e.entry_id, p.line
    """

    entries = _count(tx, "entries", book)
    return Found(f"{entries:,} entries", entries, _other_digests(stream(tx, query, book=book)))


def _other_digests(rows: Iterator[Row[Any]]) -> Iterator[str]:
    for entry_id, lines in groupby(rows, key=itemgetter(0)):
        whole = list(lines)
        _, kind, of, session, memo, digest, *_ = whole[0]
        booked = [tuple(line[7:]) for line in whole if line.posted_to is not None]
        elsewhere = sorted({line.posted_to for line in whole} - {of, None})
        if elsewhere:
            yield f"entry {entry_id} is of book {of}, and has postings in book {', '.join(elsewhere)}"
        if entry_digest(entry_id, kind, of, session, memo, booked) != digest:
            yield f"entry {entry_id} has other postings, or another memo or session, than it was booked with"


def _agreed(tx: Read, book: str | None) -> Found:
    query = """
        SELECT s.book, max(s.session) AS session FROM settlements AS s WHERE :book IS NULL OR s.book = :book GROUP BY 1 ORDER BY 1
    """
    settled = _rows(tx, query, book)
    open_ones = """
        SELECT break_id, book, kind, symbol, first_session, last_session FROM breaks
        WHERE resolved_at IS NULL AND (:book IS NULL OR book = :book) ORDER BY break_id
    """
    latest = ", ".join(f"{row.book} through {row.session}" for row in settled)
    findings = (
        f"break {row.break_id} of book {row.book} is open since {row.first_session}: {' '.join(filter(None, (row.kind, row.symbol)))}"
        for row in _rows(tx, open_ones, book)
    )
    sessions = _count(tx, "settlements", book)
    return Found(f"{sessions:,} settled sessions{f': {latest}' if latest else ''}", sessions, findings)


def _count(tx: Read, table: str, book: str | None) -> int:
    where = "" if book is None else " WHERE book = :book"
    return int(ask(tx, f"SELECT count(*) FROM {table}{where}", book=book).scalar_one())


def _rows(tx: Read, query: str, book: str | None) -> list[Row[Any]]:
    return list(ask(tx, query, book=book))
