"""The hash of the code a process runs."""

from pathlib import Path

from tasks.code import code_hash, hash_of


def _package(folder: Path, **files: str) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_it_changes_with_a_file_s_content_name_or_absence_and_with_nothing_else(tmp_path: Path) -> None:
    package = _package(tmp_path / "grodt", a="x = 1\n", b="y = 2\n")
    first = hash_of([package])
    (package / "notes.txt").write_text("no code")
    assert hash_of([package]) == first
    elsewhere = _package(tmp_path / "other", a="")
    (tmp_path / "copy").mkdir()
    assert hash_of([_package(tmp_path / "copy" / "grodt", a="x = 1\n", b="y = 2\n")]) == first
    assert hash_of([package, elsewhere]) != first
    (package / "a.py").write_text("x = 2\n")
    changed = hash_of([package])
    assert changed != first
    (package / "a.py").rename(package / "c.py")
    assert hash_of([package]) not in (first, changed)


def test_what_moves_from_one_file_to_the_next_is_another_code(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = _package(tmp_path / "one" / "p", a="xy", b="z"), _package(tmp_path / "two" / "p", a="x", b="yz")
    assert hash_of([one]) != hash_of([two])


def test_that_of_this_process_is_of_the_installed_packages_and_of_own_signals() -> None:
    root = Path(__file__).resolve().parents[2]
    assert code_hash() == hash_of([root / "flows", root / "grodt", root / "tasks"])
    assert len({code_hash(), code_hash(["mine"]), code_hash(["other"]), code_hash(["mine", "other"])}) == 4
    assert code_hash(["mine"]) == code_hash(["mine"])
