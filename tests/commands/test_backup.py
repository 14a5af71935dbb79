"""grodt backup, restore: a home that is lost comes back, to the byte, and goes on as the one that was not."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from grodt.backups import CONTENTS, back_up, restore
from grodt.errors import DataError, ReconciliationBreak
from grodt.lake import Lake
from grodt.ledger.manifest import LedgerManifest
from grodt.ledger.unit import Ledger
from tests.cycles.driver import Home
from tests.cycles.small_world import FRI
from tests.flows.commands import Command

SECOND = "2026-11-21T12:00:01Z"


def _made(home: Home) -> Path:
    (folder,) = (path.parent for path in (home.folder / "backups").glob(f"*/{CONTENTS}"))
    return folder


def _elsewhere(home: Home, tmp_path: Path) -> Home:
    return replace(home, folder=tmp_path / "restored")


def test_a_restored_home_is_what_was_backed_up_and_goes_on_like_it(grodt: Command, home: Home, tmp_path: Path) -> None:
    ended = grodt(home, "backup")
    assert (ended.status, ended.err) == (0, "")
    assert "read again: every file hashed, the audit chain followed, the invariants hold\n" in ended.out
    ((head,),) = home.sql("SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1")
    assert ended.out.endswith(f"head of the audit chain: {head}\n")
    restored = _elsewhere(home, tmp_path)
    ended = grodt(restored, "restore", str(_made(home)))
    assert (ended.status, ended.err) == (0, "")
    assert restored.facts() == home.facts()
    assert grodt(restored, "verify", "--head", head).status == 0
    home.run(FRI)
    restored.run(FRI)
    assert restored.facts() == home.facts()


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_folder_that_cannot_be_made_is_said(grodt: Command, home: Home, tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    ended = grodt(home, "backup", str(tmp_path / where))
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith(f"error: backups cannot be made in {tmp_path / where}: ")
    assert ended.err.endswith("; name a folder that can be written\n")


def test_every_version_that_was_superseded_is_in_it(grodt: Command, home: Home, tmp_path: Path) -> None:
    past = {path.relative_to(home.folder / "lake"): path.read_bytes() for path in (home.folder / "lake/_history").rglob("*.parquet.*")}
    assert past, "nothing was superseded in this world"
    grodt(home, "backup", str(tmp_path / "disk"))
    (folder,) = (path.parent for path in tmp_path.glob(f"disk/*/{CONTENTS}"))
    assert {name: (folder / "lake" / name).read_bytes() for name in past} == past


def test_programs_are_told_what_a_backup_has(grodt: Command, home: Home) -> None:
    (told,) = json.loads(grodt(home, "backup", "--json").out)
    assert [file["path"] for file in told["files"]] == ["ledger.db", "brokers/paper-small.db"]
    ((versions,),) = home.sql("SELECT count(DISTINCT path || sha256) FROM lake_files")
    assert (told["lake_files"], told["linked"], told["wrong"]) == (versions, 0, [])
    assert Path(told["folder"]) == _made(home)


def test_backups_of_one_folder_share_files_of_the_lake_and_the_oldest_go(grodt: Command, home: Home) -> None:
    grodt(home, "backup")
    first = _made(home)
    shared = next(first.glob("lake/bars_1d/**/*.parquet"))
    (home.folder / "backups/2026-11-20T000000Z.unfinished/lake").mkdir(parents=True)  # of one that was killed
    (told,) = json.loads(grodt(replace(home, now=SECOND), "backup", "--json", "--keep", "1").out)
    second = _made(home)
    assert (told["linked"], first.exists()) == (told["lake_files"], False)
    assert [path.name for path in (home.folder / "backups").iterdir() if path.is_dir()] == [second.name]
    assert (second / shared.relative_to(first)).is_file()
    assert "is there already" in grodt(replace(home, now=SECOND), "backup").err


def test_the_backup_just_made_stays_however_wrong_the_clock_of_another_one_was(grodt: Command, home: Home) -> None:
    grodt(replace(home, now="2031-01-01T12:00:00Z"), "backup")
    future = _made(home)
    (told,) = json.loads(grodt(home, "backup", "--json", "--keep", "1").out)
    assert (_made(home), future.exists()) == (Path(told["folder"]), False)


def test_a_file_of_the_backup_before_that_is_no_longer_what_it_was_is_copied_from_the_lake(grodt: Command, home: Home) -> None:
    """It has rotted, or a newer version has its name and its size."""
    grodt(home, "backup")
    first = _made(home)
    file = next(first.glob("lake/bars_1d/**/*.parquet"))
    spoilt = bytearray(file.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(spoilt)
    ended = grodt(replace(home, now=SECOND), "backup", "--json")
    assert (ended.status, ended.err) == (0, "")
    (told,) = json.loads(ended.out)
    assert told["linked"] == told["lake_files"] - 1
    name = file.relative_to(first)
    assert (Path(told["folder"]) / name).read_bytes() == (home.folder / name).read_bytes()


def test_a_home_without_any_file_of_a_lake_comes_back(tmp_path: Path) -> None:
    with closing(Ledger.open(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        lake, now = Lake(tmp_path / "lake", LedgerManifest(ledger)), datetime.fromisoformat(SECOND)
        made = back_up(ledger, lake, {}, tmp_path / "backups", now=now, say=lambda _: None)
    assert made.contents.lake_files == 0
    home = tmp_path / "restored"
    assert restore(made.folder, home, home / "lake", say=lambda _: None).folder == home
    assert (home / "ledger.db").is_file()


def test_a_ledger_whose_invariants_do_not_hold_pushes_no_good_backup_out(grodt: Command, home: Home) -> None:
    grodt(home, "backup")
    first = _made(home)
    with closing(sqlite3.connect(home.folder / "ledger.db")) as connection:
        connection.execute("UPDATE carried SET amount = amount + 1 WHERE account = 'cash'")
        connection.commit()
    ended = grodt(replace(home, now=SECOND), "backup", "--keep", "1")
    assert ended.status == 1
    assert "invariant 2, balances carried on are the sums of their postings: " in ended.err
    assert _made(home) == first


def test_an_open_break_is_backed_up_and_said(grodt: Command, home: Home) -> None:
    grodt(home, "deposit", "5", "--reason", "never wired", "--author", "ann")
    with pytest.raises(ReconciliationBreak):
        home.run(FRI)
    ended = grodt(home, "backup")
    assert ended.status == 0
    assert "but as in the original: " in ended.out
    assert "open since 2015-11-27: cash\n" in ended.out


def test_nothing_is_restored_over_what_is_there(grodt: Command, home: Home) -> None:
    grodt(home, "backup")
    before = home.everything()
    ended = grodt(home, "restore", str(_made(home)))
    assert ended.status == 2
    assert f"something stands in {home.folder}: move it away first" in ended.err
    assert home.everything() == before
    assert "is no backup: it has no backup.json" in grodt(home, "restore", str(home.folder)).err


@pytest.mark.parametrize("part", ["ledger.db", "brokers/paper-small.db", "lake"])
def test_a_backup_with_a_flipped_bit_is_named_and_nothing_is_restored(grodt: Command, home: Home, tmp_path: Path, part: str) -> None:
    grodt(home, "backup")
    file = _made(home) / part
    file = file if file.is_file() else next(file.glob("bars_1d/**/*.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    restored = _elsewhere(home, tmp_path)
    ended = grodt(restored, "restore", str(_made(home)))
    assert ended.status == 1
    assert file.name in ended.err
    assert not restored.folder.exists()


def test_a_lake_that_lacks_a_file_gives_no_backup(grodt: Command, home: Home) -> None:
    name = next(iter(home.files("bars_1d")))
    (home.folder / "lake" / name).unlink()
    ended = grodt(home, "backup")
    assert ended.status == 1
    assert f"lake file {name} is missing" in ended.err
    assert not list(home.folder.glob(f"backups/*/{CONTENTS}"))


def test_a_restore_that_was_killed_is_begun_anew(grodt: Command, home: Home, tmp_path: Path) -> None:
    grodt(home, "backup")
    restored = _elsewhere(home, tmp_path)
    shutil.copytree(_made(home), tmp_path / ".restored.restoring")
    (tmp_path / ".restored.restoring/lake/left.parquet").touch()
    assert grodt(restored, "restore", str(_made(home))).status == 0
    assert restored.facts() == home.facts()
    assert not list(restored.folder.rglob("left.parquet"))


def test_a_lake_beside_the_home_is_restored_to_where_it_is_to_be(
    grodt: Command, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(home.folder / "lake", tmp_path / "large-disk")

    class Apart(Home):
        @property
        def variables(self) -> dict[str, str]:
            return super().variables | {"GRODT_LAKE": str(tmp_path / self.folder.name) + "-lake"}

    (tmp_path / "large-disk").rename(tmp_path / "home-lake")
    apart = Apart(home.folder, home.books, home.book, home.now)
    grodt(apart, "backup")
    restored = replace(apart, folder=tmp_path / "restored")
    assert grodt(restored, "restore", str(_made(home))).status == 0
    assert grodt(restored, "verify").status == 0
    assert not (restored.folder / "lake").exists()
    restored.folder.rename(tmp_path / ".restored.restoring")  # as one that was killed just before its last step leaves it
    ended = grodt(restored, "restore", str(_made(home)))
    assert ended.status != 0
    assert "a restore was ended here in its last step, and this is the lake it made" in ended.err
    (tmp_path / "restored-lake").rename(tmp_path / "away")
    assert grodt(restored, "restore", str(_made(home))).status == 0


def test_while_a_cycle_commits_there_is_no_backup(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ledger and paper book would be of two instants."""
    ledger = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    other = Ledger.open(f"sqlite:///{home.folder}/ledger.db")
    copy = ledger.copy_to

    def copied_while_written(target: Path) -> None:
        copy(target)
        with other.write() as tx:
            tx.connection.exec_driver_sql("UPDATE leases SET fence = fence + 1")

    monkeypatch.setattr(ledger, "copy_to", copied_while_written)
    with pytest.raises(DataError, match="the ledger was written each of 3 times that it was copied: let the cycle that goes on end"):
        back_up(
            ledger,
            Lake(home.folder / "lake", LedgerManifest(ledger)),
            {},
            home.folder / "backups",
            now=datetime.fromisoformat(home.now),
            say=lambda _: None,
        )
    ledger.close()
    other.close()
    assert not list(home.folder.glob(f"backups/*/{CONTENTS}"))
