"""A book that asks for more history than there is, in whole cycles."""

from pathlib import Path

import pytest

from grodt.errors import ConfigError
from tests.cycles.small_world import MON, books_text, small_home


def test_a_signal_that_needs_more_history_than_there_is_stops_the_book_before_anything_is_decided(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    assert home.books is not None
    home.books.write_text(books_text().replace("parameters: {fast: 4, slow: 16}", "parameters: {fast: 4, slow: 64}"))
    said = "signal ewma_crossover needs 129 sessions of history, and there are 80, from 2015-08-03 to 2015-11-23; set the book's `history`"
    with pytest.raises(ConfigError, match=said):
        home.run(MON)
    assert home.sql("SELECT count(*) FROM orders") == [(0,)]
    assert [row[0] for row in home.sql("SELECT stage FROM stage_runs WHERE outcome = 'failed'")] == ["signals"]
    home.books.write_text(books_text())
    home.run(MON)
    assert home.sql("SELECT count(*) > 0 FROM orders") == [(1,)]
