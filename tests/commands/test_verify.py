"""grodt verify: what people and programs are shown, and its status."""

import json
import sqlite3
from contextlib import closing

from tests.cycles.driver import Home
from tests.flows.commands import Command
from tests.ledger.by_hand import file_by_hand


def test_a_home_that_is_sound_passes_every_check(grodt: Command, three_days: Home) -> None:
    ended = grodt(three_days, "verify")
    assert ended.status == 0
    assert "error" not in ended.err
    assert ended.out.count(" PASS ") == 18
    assert "FAIL" not in ended.out
    charges, halts, made, breaks = [line for line in ended.out.splitlines() if line.startswith("nothing is there to look at for ")]
    assert charges.endswith("0 entries of interest and fees against 0 activities")
    assert " for 6, nothing sent while a halt held: " in halts
    assert halts.endswith(" sends against 0 halts")
    assert made.endswith(" for 6, halts are as they were made and ended: 0 halts")
    assert breaks.endswith(" for 10, breaks are as they were found and resolved: 0 breaks")
    ((head,),) = three_days.sql("SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1")
    assert ended.out.endswith(f"head of the audit chain: {head}\n")
    rows = json.loads(grodt(three_days, "verify", "--json", "--book", "small", "--head", head).out)
    assert " ".join(row["invariant"] for row in rows) == "lake file 1 2 2 2 2 2 3 4 5 6 6 8 9 9 10 10"
    assert {row["result"] for row in rows} == {"PASS"}
    assert rows[0]["checked"] == f"{len(three_days.files())} files"
    assert [row["invariant"] for row in rows if not row["things"]] == ["2", "6", "6", "10"]
    assert [row["head"] for row in rows[1:] if row["head"]] == [head]


def test_what_was_altered_by_hand_is_named_with_what_to_do(grodt: Command, home: Home) -> None:
    with closing(sqlite3.connect(home.folder / "ledger.db")) as connection:
        connection.execute("DROP TRIGGER fills_no_update")
        connection.execute("UPDATE fills SET quantity = quantity + 1 WHERE number = 1")
        connection.execute("CREATE TRIGGER fills_no_update BEFORE UPDATE ON fills BEGIN SELECT RAISE(ABORT, 'fills is append-only'); END")
        connection.commit()
    ((fill, symbol),) = home.sql("SELECT execution_id, symbol FROM fills WHERE number = 1")
    ended = grodt(home, "verify")
    assert ended.status == 1
    assert "FAIL 2, positions and cash come from fills, actions and postings:\n" in ended.out
    assert f"\n  fill {fill} of {symbol} is " in ended.out
    assert f"\n  fills execution_id {fill} is not as it was written" in ended.out
    assert "\n  what to do: restore the latest backup that verifies" in ended.out
    assert ended.err.splitlines()[-1].startswith(f"error: 4 of 18 checks failed; the first: fill {fill} of {symbol} is ")
    failed = [row for row in json.loads(grodt(home, "verify", "--json").out) if row["result"] == "FAIL"]
    assert [row["invariant"] for row in failed] == ["2", "2", "4", "9"]


def test_a_head_that_is_not_in_the_chain_is_a_chain_written_anew(grodt: Command, three_days: Home) -> None:
    ended = grodt(three_days, "verify", "--head", "f" * 64)
    assert ended.status == 1
    assert f"no row of the chain has the head {'f' * 64}" in ended.err


def test_a_flipped_bit_of_the_lake_is_found_and_its_file_named(grodt: Command, home: Home) -> None:
    name = next(iter(home.files("bars_1d")))
    file = home.folder / "lake" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    ended = grodt(home, "verify")
    assert ended.status == 1
    assert f"\n  altered {name}: expected {len(content):,} bytes with SHA-256 " in ended.out
    assert ended.err.splitlines()[-1].startswith(f"error: 1 of 18 checks failed; the first: altered {name}: ")


def test_missing_and_unlisted_files_are_each_shown(grodt: Command, home: Home) -> None:
    names = list(home.files("signals", "targets"))
    for name in names:
        (home.folder / "lake" / name).unlink()
    (home.folder / "lake" / "signals" / "small" / "stray.parquet").write_bytes(b"?")
    ended = grodt(home, "verify")
    assert ended.status == 1
    assert ended.out.count("\n  missing ") == len(names)
    assert "\n  unlisted signals/small/stray.parquet: " in ended.out


def test_a_text_that_a_flipped_bit_left_ends_no_check_but_those_that_read_it(grodt: Command, home: Home) -> None:
    file_by_hand(home.folder / "ledger.db", "UPDATE fills SET symbol = CAST(x'ff41' AS TEXT) WHERE number = 1")
    ((fill,),) = home.sql("SELECT execution_id FROM fills WHERE number = 1")
    ended = grodt(home, "verify")
    assert ended.status == 1
    assert f"\n  fills execution_id {fill} is not as it was written" in ended.out
    rows = json.loads(grodt(home, "verify", "--json").out)
    assert len(rows) == 18
    assert [row["what"] for row in rows if row["result"] == "FAIL"] == [
        "positions and cash come from fills, actions and postings",
        "what strategies hold adds up to what the book holds",
        "the audit chain",
    ]


def test_a_manifest_that_cannot_be_read_hides_no_other_check(grodt: Command, home: Home) -> None:
    damage = "UPDATE lake_files SET path = CAST(x'ff41' AS TEXT) WHERE path = (SELECT min(path) FROM lake_files)"
    file_by_hand(home.folder / "ledger.db", damage)
    ended = grodt(home, "verify")
    assert ended.status == 1
    assert (
        "FAIL lake, every file is as the manifest lists it:\n  the manifest cannot be read, so no file was compared with it: " in ended.out
    )
    assert "\n  lake_files path \\udcffA, version " in ended.out
