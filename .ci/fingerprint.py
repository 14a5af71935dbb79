"""Prints a digest of everything a run may change below GRODT_HOME: each lake file, and every row of the ledger and the paper broker."""

import hashlib
import os
import sqlite3
from pathlib import Path


def main() -> None:
    home = Path(os.environ["GRODT_HOME"])
    files = sorted(path for path in (home / "lake").rglob("*") if path.is_file())
    if not files:
        raise SystemExit(f"no lake below {home}")
    lake = hashlib.sha256()
    for path in files:
        lake.update(str(path.relative_to(home)).encode() + hashlib.sha256(path.read_bytes()).digest())
    print(f"lake      {len(files):6d} files  {lake.hexdigest()}")
    for database in sorted([home / "ledger.db", *(home / "brokers").glob("*.db")]):
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        rows = list(connection.iterdump())
        connection.close()
        print(f"{database.name:9s} {len(rows):6d} lines  {hashlib.sha256(chr(10).join(rows).encode()).hexdigest()}")


if __name__ == "__main__":
    main()
