"""Tables, pages and summaries of results."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from grodt.errors import ConfigError, DataError
from grodt.replay.charts import range_chart
from grodt.research.grid import Axis
from grodt.research.heat import heat_table
from grodt.research.page import sweep_page, walk_forward_page
from grodt.research.sweep import Sweep, sweep
from grodt.research.tables import SWEEP_TABLES, WALK_FORWARD_TABLES, Equity, equity_frame, write_table
from grodt.research.walk_forward import WalkForward, walk_forward, windows_of
from grodt.research.writing import replacing, require_folder, write_sweep, write_walk_forward
from tests.replay.histories import history_of
from tests.research.books import BEFORE, HALF, SETTING, Holding, course, grid_of, history_after, variant
from tests.signals.worlds import random_closes


@pytest.fixture(scope="module")
def swept() -> Sweep:
    history = history_of(np.round(random_closes(21, BEFORE + 40, 3), 2), before=BEFORE)
    axes, variants = grid_of([0, 1, 2], [0.3, 0.5])
    return sweep(history, axes, variants, SETTING, metric="sharpe")


@pytest.fixture(scope="module")
def walked() -> WalkForward:
    history = history_of(np.round(random_closes(22, BEFORE + 60, 3), 2), before=BEFORE)
    axes, variants = grid_of([0, 1, 2], [0.3, 0.5])
    return walk_forward(history, axes, variants, SETTING, windows_of(60, 30, 12, anchored=False), metric="sharpe", anchored=False)


def _rows(path: Path) -> pl.DataFrame:
    """As anyone reads it."""
    return duckdb.sql(f"SELECT * FROM read_parquet('{path}')").pl()


def test_a_sweep_is_one_row_per_run_with_its_parameters_and_every_statistic(swept: Sweep, tmp_path: Path) -> None:
    facts = write_sweep(tmp_path, "b", swept)
    runs = _rows(tmp_path / "runs.parquet")
    assert runs["run"].to_list() == [1, 2, 3, 4, 5, 6]
    assert runs["signals.holding.column"].to_list() == [0, 0, 1, 1, 2, 2]
    assert runs["construction.gross_cap"].to_list() == [0.3, 0.5] * 3
    assert runs["metric"].to_list() == runs["sharpe"].to_list() == list(swept.values)
    assert runs.filter(rank=1)["run"].item() == swept.best + 1 == facts["best"]["run"]
    assert runs.sort("rank")["metric"].is_sorted(descending=True)
    assert runs["deflated_sharpe"].to_list() == list(swept.deflated)
    last = [each.equity[-1] / 1e6 for each in swept.runs]
    assert [float(value) for value in runs["final_equity"]] == pytest.approx(last)
    assert set(runs.columns) == set(SWEEP_TABLES["runs.parquet"].columns()) | {"signals.holding.column", "construction.gross_cap"}


def test_equity_is_one_row_per_run_and_session(swept: Sweep, tmp_path: Path) -> None:
    write_sweep(tmp_path, "b", swept)
    equity = _rows(tmp_path / "equity.parquet")
    assert equity.height == 6 * 40
    for run in swept.runs:
        own = equity.filter(run=run.variant + 1)
        assert own["session"].to_list() == list(swept.sessions)
        assert [int(value * 1_000_000) for value in own["equity"]] == run.equity.tolist()
        grown = math.prod(1 + each for each in own["session_return"].to_list()[1:])
        assert own["session_return"][0] is None
        assert grown == pytest.approx(run.equity[-1] / run.equity[0])
        assert own["gross_exposure"].to_list() == run.gross.tolist()


def test_how_much_hangs_on_each_parameter_and_what_is_around_the_best(swept: Sweep, tmp_path: Path) -> None:
    write_sweep(tmp_path, "b", swept)
    parameters, around = _rows(tmp_path / "parameters.parquet"), _rows(tmp_path / "neighbours.parquet")
    assert parameters.select("parameter", "value", "runs").rows() == [
        ("construction.gross_cap", "0.3", 3),
        ("construction.gross_cap", "0.5", 3),
        ("signals.holding.column", "0", 2),
        ("signals.holding.column", "1", 2),
        ("signals.holding.column", "2", 2),
    ]
    mean = parameters.filter(parameter="signals.holding.column", value="1")["mean"].item()
    assert mean == pytest.approx((swept.values[2] + swept.values[3]) / 2)  # type: ignore[operator]  # both are known
    top = swept.values[swept.best]
    assert top is not None
    assert around.filter(pl.col("worse") < 0).is_empty()
    assert around["worse"].to_list() == pytest.approx([top - value for value in around["metric"]])


def test_the_summary_is_what_the_command_prints(swept: Sweep, tmp_path: Path) -> None:
    facts = write_sweep(tmp_path, "b", swept)
    assert json.loads((tmp_path / "summary.json").read_text()) == json.loads(json.dumps(facts, default=str))
    assert facts["trials"] == {"count": 6, "variance": swept.trials.variance}
    assert facts["signals_evaluated"] == 3


def test_results_are_the_same_bytes_each_time(swept: Sweep, walked: WalkForward, tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        for kind, write in (
            ("sweep", lambda folder: write_sweep(folder, "b", swept)),
            ("walk", lambda folder: write_walk_forward(folder, "b", walked)),
        ):
            (tmp_path / name / kind).mkdir(parents=True)
            write(tmp_path / name / kind)
        files.append({str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()})
    assert files[0] == files[1]
    assert len(files[0]) == 6 + 8


def test_in_sample_and_out_of_sample_are_apart(walked: WalkForward, tmp_path: Path) -> None:
    write_walk_forward(tmp_path, "b", walked)
    windows, trained = _rows(tmp_path / "windows.parquet"), _rows(tmp_path / "in_sample/runs.parquet")
    assert windows["window"].to_list() == [1, 2, 3]
    assert (windows["train_end"] < windows["test_start"]).all()
    assert windows["test_start"].to_list()[1:] == [walked.sessions[42], walked.sessions[54]]
    assert windows["degradation"].to_list() == pytest.approx((windows["out_of_sample"] - windows["in_sample"]).to_list())
    assert windows["in_sample_sharpe"].to_list() == windows["in_sample"].to_list()
    assert windows["out_of_sample_sharpe"].to_list() == windows["out_of_sample"].to_list()
    assert trained.height == 3 * 6
    chosen = trained.filter("chosen")
    assert chosen["run"].to_list() == windows["run"].to_list()
    assert chosen["metric"].to_list() == windows["in_sample"].to_list()
    assert (chosen["rank"] == 1).all()
    # Nothing of a test is in the training's table.
    assert (trained["last_session"] == trained["train_end"]).all()
    assert set(windows.columns) - set(WALK_FORWARD_TABLES["windows.parquet"].columns()) == {
        "signals.holding.column",
        "construction.gross_cap",
    }
    assert (tmp_path / "out_of_sample/tear-sheet.html").exists()


def test_a_run_that_lost_its_book_has_its_reason_and_no_figures(tmp_path: Path) -> None:
    close = np.column_stack([course(0.1, 0.1, 0.1, 40.0), course(0.10, 0.10, -0.05, 0.10)])
    lost = variant({"signals.holding.column": 0}, Holding(0, side=-1.0), construction=replace(HALF, long_only=False))
    kept = variant({"signals.holding.column": 1}, Holding(1))
    done = sweep(history_after(close), [Axis("signals.holding.column", (0, 1))], [lost, kept], SETTING, metric="sharpe")
    facts = write_sweep(tmp_path, "b", done)
    runs, equity = _rows(tmp_path / "runs.parquet"), _rows(tmp_path / "equity.parquet")
    assert "the book is lost" in runs["error"][0]
    assert runs.select("rank", "metric", "final_equity", "orders", "sharpe").rows()[0] == (2, None, None, None, None)
    assert equity["run"].unique().to_list() == [2]
    assert facts["lost"] == 1
    assert list(facts["errors"]) == ["signals.holding.column=0"]
    assert "runs that lost their book" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ((1, 2), pl.Int64),
        ((1, 2.5), pl.Float64),
        ((True, False), pl.Boolean),
        (("week", "month"), pl.String),
        ((None, 0.1), pl.Float64),
        (("week", 1), pl.String),
    ],
)
def test_a_parameters_column_is_of_its_kind(values: tuple[object, ...], dtype: type[pl.DataType], tmp_path: Path) -> None:
    variants = [variant({"construction.x": value}, Holding(0)) for value in values]  # type: ignore[dict-item]
    history = history_after(np.column_stack([course(0.1, 0.1, -0.05, 0.10)] * 2))
    done = sweep(history, [Axis("construction.x", values)], variants, SETTING, metric="sharpe")  # type: ignore[arg-type]
    write_sweep(tmp_path, "b", done)
    assert pl.read_parquet(tmp_path / "runs.parquet").schema["construction.x"] == dtype


def test_a_frame_that_breaks_its_schema_is_not_written(swept: Sweep, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"equity.parquet: the frame does not have the table's columns: column equity is missing; .*session is"
    ):
        write_table(tmp_path, "equity.parquet", Equity, pl.DataFrame({"run": [0], "session": ["x"]}))
    twice = pl.concat([equity_frame(swept)] * 2)
    with pytest.raises(DataError, match=r"equity.parquet: .*\n?.*nothing was written"):
        write_table(tmp_path, "equity.parquet", Equity, twice)
    assert list(tmp_path.iterdir()) == []


class _Page(HTMLParser):
    """Counts what opens and closes, and keeps the text of headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "img", "iframe")
        if tag not in ("meta", "br", "wbr"):
            self.open.append(tag)
        if tag == "h2":
            self.headings.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data


def test_the_page_of_a_sweep_shows_the_best_every_parameter_and_every_pair(swept: Sweep) -> None:
    text = sweep_page("a <b>", swept)
    page = _Page(text)
    assert page.open == []
    assert page.headings == [
        "The best runs",
        "Equity of the best runs",
        "Around the best",
        "signals.holding.column",
        "construction.gross_cap",
        "Pairs of parameters",
        "Definitions",
    ]
    assert "<h1>a &lt;b&gt;: sweep</h1>" in text
    assert text.count('class="mark"') == 1
    assert "http" not in text


def test_the_page_of_a_walk_forward_analysis_shows_what_each_window_chose(walked: WalkForward) -> None:
    text = walk_forward_page("b", walked)
    page = _Page(text)
    assert page.open == []
    assert "What was chosen: signals.holding.column" in page.headings
    assert text.count('class="mark"') == 2 * 3  # two parameters in three windows
    chosen = [walked.parameters[each.best]["signals.holding.column"] for each in walked.choices]
    assert f"<th>0 · {chosen.count(0)}×</th>" in text


def test_a_heat_map_is_the_stronger_the_larger_the_value() -> None:
    values = np.array([[0.0, 1.0], [0.5, math.nan]])
    text = heat_table(["a", "<b>"], ["x", "y"], values, lambda value: f"{value:.1f}", caption="c", marked=[(0, 1)])
    assert re.findall(r"--a:(\d+)%", text) == ["0", "60", "30"]
    assert '<td class="mark" style="--a:60%">1.0</td>' in text
    assert "<th>&lt;b&gt;</th>" in text
    assert "No run has the metric" in heat_table(["a"], ["x"], np.array([[math.nan]]), str, caption="c")


def test_a_chart_of_ranges_marks_one_and_leaves_out_what_is_not_known() -> None:
    low, middle, high = np.array([0.0, math.nan, 1.0]), np.array([0.5, math.nan, 2.0]), np.array([1.0, math.nan, 3.0])
    text = range_chart(["a", "b", "c"], low, middle, high, lambda value: f"{value:g}", label="l", marked=2)
    assert text.count("<circle") == 2
    assert "<title>c: 2 (1 to 3)</title>" in text
    assert text.count('class="dot s1"') == 1
    assert "nothing was measured" in range_chart(["a"], *(np.array([math.nan]),) * 3, str, label="l")


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    new, empty, own, other, file = (tmp_path / name for name in ("new", "empty", "own", "other", "file"))
    for folder in (empty, own, other):
        folder.mkdir()
    (own / "summary.json").write_text("{}")
    (other / "precious.txt").write_text("mine")
    file.write_text("mine")
    for fine in (new, empty, own):
        assert require_folder(fine) == fine
    for wrong in (other, file):
        with pytest.raises(ConfigError, match=f"--out {wrong} is there and holds no earlier results"):
            require_folder(wrong)


def _interrupted(out: Path) -> None:
    try:
        with replacing(out) as folder:
            (folder / "summary.json").write_text("2")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        return


def test_results_take_the_place_of_earlier_ones_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "deep/out"
    with replacing(out) as folder:
        (folder / "summary.json").write_text("1")
    _interrupted(out)
    assert (out / "summary.json").read_text() == "1"
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    with replacing(out) as folder:
        (folder / "summary.json").write_text("3")
    assert [path.read_text() for path in out.iterdir()] == ["3"]
