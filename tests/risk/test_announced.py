"""Control 37: an order that would stand through a split, a delisting or a change of symbol as it was written."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from grodt.risk.assess import Proposal, assess, tell_withdrawn
from grodt.risk.glance import approved_at_a_glance
from grodt.risk.overriding import Override
from tests.risk.proposals import limits, proposal, row, verdicts

#: S0 splits, S1 is taken off the list, S2 changes its symbol, S3 does nothing of the kind.
KINDS = np.array(["split", "delisting", "symbol_change", ""])


def _asked(wanted: list[int], **changed: object) -> Proposal:
    return proposal(wanted, announced=KINDS, **changed)  # type: ignore[arg-type]


def test_it_refuses_buys_and_sells_and_exits_alike_and_says_what_is_announced() -> None:
    found = assess(_asked([100, -100, -40, 50], position=[0, 100, 60, 0]), limits())
    assert found.quantity.tolist() == [0, 0, 0, 50]
    assert verdicts(found, 37) == {"S0": "reject", "S1": "reject", "S2": "reject", "S3": "pass"}
    codes = [row(found, 37, symbol)["reason"].split(":")[0] for symbol in ("S0", "S1", "S2", "S3")]
    assert codes == ["split_announced", "delisting_announced", "symbol_change_announced", ""]
    assert [row(found, 37, symbol)["value"] for symbol in ("S0", "S3")] == [1, 0]


def test_what_it_refuses_takes_no_room() -> None:
    bound = limits(gross_exposure=0.1)  # of 100,000 USD, at 10 USD a share
    assert assess(_asked([1_000, 0, 0, 900]), bound).quantity.tolist() == [0, 0, 0, 900]
    assert assess(proposal([1_000, 0, 0, 900]), bound).quantity.tolist() == [1_000, 0, 0, 0]


def test_where_orders_do_not_outlive_an_action_it_is_not_asked() -> None:
    found = assess(proposal([100, 100]), limits())
    assert verdicts(found, 37) == {}
    assert found.quantity.tolist() == [100, 100]


def test_nothing_is_certain_at_a_glance_where_it_is_asked() -> None:
    plain = proposal([10, 0, 0, 0], cycles_unchanged=9)
    assert approved_at_a_glance(plain, limits()) is not None
    assert approved_at_a_glance(replace(plain, announced=KINDS), limits()) is None


def test_two_people_can_lift_it_for_a_symbol() -> None:
    lifted = Override(37, "S0", ("ann", "bob"), "the split was put off", 3600.0, "1 cycle")
    found = assess(_asked([100, -100, 0, 0], position=[0, 100, 0, 0], overrides=(lifted,)), limits())
    assert found.quantity.tolist() == [100, 0, 0, 0]
    assert verdicts(found, 37) == {"S0": "alert", "S1": "reject"}
    assert row(found, 37, "S0")["reason"].startswith("overridden by ann and bob")


def test_what_is_withdrawn_is_told_by_symbol_and_refuses_nothing() -> None:
    judged = assess(_asked([0, 0, 0, 50]), limits())
    found = tell_withdrawn(judged, {"S0", "S2"})
    assert found.quantity.tolist() == [0, 0, 0, 50]
    rows = found.evidence.filter((pl.col("control") == 37) & (pl.col("scope") == "symbol"))
    assert rows.select("symbol", pl.col("verdict").cast(pl.String)).rows() == [("S0", "alert"), ("S2", "alert")]
    assert set(rows["reason"].str.split(":").list.first()) == {"withdrawn_before_action"}


def test_an_action_of_another_kind_and_kinds_of_other_symbols_are_mistakes_of_the_caller() -> None:
    with pytest.raises(ValueError, match="kinds of actions are split, delisting, symbol_change, not merger"):
        assess(proposal([100], announced=np.array(["merger"])), limits())
    with pytest.raises(ValueError, match="announced is of 4 symbols, not 1 texts"):
        proposal([100], announced=KINDS)
