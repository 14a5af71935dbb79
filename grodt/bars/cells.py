"""Tables in files, read into typed columns; a cell that cannot be read names its file, row, column and value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from grodt.errors import ConfigError, DataError

#: The column of `CellTable.frame` that counts the file's rows: lines of a CSV (its header is line 1), rows of a Parquet from 1.
ROW = "file row"


@dataclass(frozen=True, slots=True)
class CellTable:
    """The mapped columns of one file, under our names, as they stand in it, with the row each came from."""

    path: Path
    frame: pl.DataFrame

    def error(self, row: int, column: str, value: object, problem: str, step: str) -> DataError:
        """The error of one cell."""
        word = "line" if self.path.suffix.lower() == ".csv" else "row"
        return DataError(f"{self.path}, {word} {row}, column {column!r}: {value!r} {problem}; {step}")

    def refuse(self, broken: pl.Expr, column: str, problem: str, step: str) -> None:
        """Raise for the first row for which `broken` is true; null is false."""
        bad = self.frame.filter(broken.fill_null(False)).head(1)
        if bad.height:
            raise self.error(bad[ROW][0], column, bad[column][0], problem, step)

    def numbers(self, columns: Sequence[str]) -> "CellTable":
        """Those columns as Float64; an empty cell is null, text is an error."""
        table = self
        for column in columns:
            cells = pl.col(column)
            if table.frame.schema[column] == pl.String:
                cells = _stripped(column)
            number = cells.cast(pl.Float64, strict=False)
            table.refuse(cells.is_not_null() & number.is_null(), column, "is not a number", "correct the cell or map another column")
            table = CellTable(table.path, table.frame.with_columns(number.alias(column)))
        return table

    def names(self, column: str) -> "CellTable":
        """That column as text without surrounding blanks; an empty cell is an error."""
        table = CellTable(self.path, self.frame.with_columns(pl.col(column).cast(pl.String).str.strip_chars()))
        table.refuse(pl.col(column).is_null() | (pl.col(column) == ""), column, "is empty", "fill the cell or remove the row")
        return table

    def dates(self, column: str, date_format: str | None, *, optional: bool = False) -> "CellTable":
        """That column as Date; text is read by `date_format`, or as YYYY-MM-DD. An instant that is not midnight is an error."""
        kind = self.frame.schema[column]
        form = date_format or "%Y-%m-%d"
        cells = pl.col(column)
        if kind == pl.String:
            cells = _stripped(column)
            day = cells.str.to_date(form, strict=False, exact=True)
        elif isinstance(kind, pl.Datetime):
            day = pl.when(cells.dt.time() == pl.time(0)).then(cells.dt.date())
        else:
            day = cells.cast(pl.Date, strict=False) if kind in (pl.Date, pl.Null) else pl.lit(None, pl.Date)
        self.refuse(
            cells.is_not_null() & day.is_null(), column, f"is not a date as {form}", "set date_format in the books file or correct the cell"
        )
        if not optional:
            self.refuse(cells.is_null(), column, "is empty", "fill the cell or remove the row")
        return CellTable(self.path, self.frame.with_columns(day.alias(column)))

    def refuse_duplicates(self, key: Sequence[str]) -> None:
        """Raise for the first row whose key an earlier row has."""
        again = self.frame.filter(~pl.struct(key).is_first_distinct()).head(1)
        if again.height:
            values = ", ".join(str(again[column][0]) for column in key)
            same = pl.all_horizontal(*(pl.col(column) == again[column][0] for column in key))
            first = self.frame.filter(same)[ROW][0]
            problem = f"repeats the key ({', '.join(key)}) of row {first}"
            raise self.error(again[ROW][0], key[0], values, problem, "keep one of the rows")


def read_cells(path: Path, columns: Mapping[str, str], owner: str) -> CellTable:
    """Read a CSV or Parquet file, keep the mapped columns and give them our names. CSV cells stay text.

    Args:
        path: the file; its suffix says the format.
        columns: our name of each column to the file's name of it.
        owner: the setting that names the file, for messages.

    Raises:
        ConfigError: no such file, another format, or a mapped column is absent.
        DataError: the file cannot be read as what its suffix says.
    """
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ConfigError(f"{owner}: {path} is neither .csv nor .parquet; name a file of one of these formats")
    if not path.is_file():
        raise ConfigError(f"{owner}: there is no file {path}; correct `path` (a relative one starts at the books file's folder)")
    try:
        frame = pl.read_csv(path, infer_schema=False, glob=False) if suffix == ".csv" else pl.read_parquet(path, glob=False)
    except PolarsError as error:
        first_line = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read as {suffix[1:]}: {first_line}; replace the file") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; check the file and its permissions") from error
    for ours, theirs in columns.items():
        if theirs not in frame.columns:
            raise ConfigError(
                f"{owner}: {path} has no column {theirs!r}, which is mapped to {ours!r}; its columns are "
                f"{', '.join(frame.columns)}; correct `columns`"
            )
    first_row = 2 if suffix == ".csv" else 1
    kept = frame.select(pl.int_range(first_row, pl.len() + first_row).alias(ROW), *(pl.col(t).alias(o) for o, t in columns.items()))
    blank = pl.all_horizontal(*(pl.col(column).is_null() for column in columns))
    return CellTable(path, kept.filter(~blank) if suffix == ".csv" else kept)


def _stripped(column: str) -> pl.Expr:
    text = pl.col(column).str.strip_chars()
    return pl.when(text != "").then(text)
