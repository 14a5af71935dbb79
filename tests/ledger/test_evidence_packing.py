"""What stands in the file as packed rows is what was recorded, for us and for whoever reads the view; and so is evidence of before."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import text

from grodt.errors import DataError
from grodt.ledger import schema
from grodt.ledger.audit import EVIDENCE, EVIDENCE_COLUMNS, announce, evidence_seal
from grodt.ledger.evidence import checks_of, record_checks
from grodt.ledger.runs import find_run
from grodt.ledger.unit import Ledger, Read
from grodt.ledger.verify_chain import verify_chain
from tests.examples import examples
from tests.ledger.by_hand import by_hand
from tests.ledger.facts import checks
from tests.ledger.world import count, started

_SYMBOLS = st.sampled_from(["AAPL", "BRK.B", "", 'a "b"', "c\\d", "é", "漢", "tab\t", "nul-free\x1f"])
_FIGURES = st.one_of(st.none(), st.sampled_from([0.0, 1.0, float("inf"), -float("inf"), 1e-7, 0.1 + 0.2]), st.floats(allow_nan=False))
_ROW = st.fixed_dictionaries(
    {
        "control": st.integers(1, 3),
        "scope": st.sampled_from(["order", "symbol", "basket", "book"]),
        "symbol": _SYMBOLS,
        "value": _FIGURES,
        "limit": _FIGURES,
        "headroom": _FIGURES,
        "verdict": st.sampled_from(["pass", "clip", "reject"]),
        "reason": st.sampled_from(["", 'because of "it"', "10 % above"]),
    }
)


def _of(run_id: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Evidence of those rows; control 1 has one limit and no reasons, as most have."""
    one = checks(run_id).head(1)
    frame = pl.DataFrame(rows, schema_overrides={"control": pl.Int16, "value": pl.Float64, "limit": pl.Float64, "headroom": pl.Float64})
    for column in (
        limit := pl.lit(0.25).alias("limit"),
        (limit - pl.col("value")).fill_nan(None).alias("headroom"),
        pl.lit("").alias("reason"),
    ):
        name = column.meta.output_name()
        frame = frame.with_columns(pl.when(pl.col("control") == 1).then(column).otherwise(pl.col(name)).alias(name))
    return one.drop(frame.columns).join(frame, how="cross").select(one.columns)


def _rows(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """As the file's reader gets them, by control, scope and symbol."""
    columns = frame.rename({"limit": "bound"}).with_columns(pl.col("scope", "verdict").cast(pl.String)).select(EVIDENCE_COLUMNS)
    return sorted(columns.rows(), key=lambda row: row[:3])


def _shown(tx: Read, attempt: int) -> list[tuple[Any, ...]]:
    query = f"SELECT {', '.join(EVIDENCE_COLUMNS)} FROM risk_checks WHERE attempt = {attempt} ORDER BY control, scope, symbol"
    return list(map(tuple, tx.connection.execute(text(query))))


@examples(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROW, min_size=1, max_size=12, unique_by=lambda row: (row["control"], row["scope"], row["symbol"])))
def test_whatever_is_recorded_is_what_we_read_again_what_the_view_shows_and_what_the_chain_has(
    ledger: Ledger, rows: list[dict[str, Any]]
) -> None:
    with ledger.write() as tx:
        run = started(tx) if (known := find_run(tx, "demo-eod-2026-11-19")) is None else known
        attempt = tx.connection.execute(text("SELECT coalesce(max(attempt), 0) + 1 FROM evidence")).scalar_one()
        given_rows = _of(run.run_id, rows)
        record_checks(tx, given_rows, attempt)
    with ledger.read() as tx:
        assert _rows(checks_of(tx, run.run_id)) == _rows(given_rows) == _shown(tx, attempt)
        some = [row["symbol"] for row in rows][::2]
        assert _rows(checks_of(tx, run.run_id, some)) == _rows(given_rows.filter(pl.col("symbol").is_in(some)))
        assert verify_chain(tx).findings == ()


def test_a_row_that_was_damaged_is_named(ledger: Ledger) -> None:
    with ledger.write() as tx:
        run = started(tx)
        record_checks(tx, checks(run.run_id), 1)
    by_hand(ledger, "UPDATE evidence SET checks = substr(checks, 2)")
    with (
        ledger.read() as tx,
        pytest.raises(DataError, match=r"evidence of control 9 \(symbol symbol weight pass\) is not as it was written"),
    ):
        checks_of(tx, run.run_id)


def test_evidence_of_a_ledger_of_before_is_kept_and_its_chain_still_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    plain = [
        (9, "symbol", symbol, "symbol weight", value, 0.1, 0.1 - value, "pass", "") for symbol, value in (("AAPL", 0.3), ("MSFT", 0.07))
    ]
    other = [
        (4, "order", "AAPL", "share of volume", 7.5, float("inf"), None, "pass", ""),
        (4, "order", "MSFT", "share of volume", None, 0.1 + 0.2, None, "clip", 'too "much"'),
    ]
    rows = sorted(plain + other)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "HEAD", "0012")
        patch.setattr(schema, "require_expected", lambda _connection, _path: None)
        old = Ledger.open(url)
        with old.write() as tx:
            run_id = started(tx).run_id
            marks = ", ".join("?" * (2 + len(EVIDENCE_COLUMNS)))
            tx.connection.exec_driver_sql(
                f"INSERT INTO risk_checks (run_id, attempt, {', '.join(EVIDENCE_COLUMNS)}) VALUES ({marks})",
                [(run_id, 1, *row) for row in rows],
            )
            announce(tx, EVIDENCE, evidence_seal(run_id, 1, len(rows), tuple(zip(*rows, strict=True))))
        old.close()
    ledger = Ledger.open(url)
    with ledger.read() as tx:
        assert _shown(tx, 1) == rows == _rows(checks_of(tx, run_id))
        assert count(tx, "evidence") == 3
        assert verify_chain(tx).findings == ()
    ledger.close()
