"""What an engineer finds beside a run in the Prefect UI."""

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from grodt.reports.export import Exported
from grodt.reports.summary import ORDER_COLUMNS, POSITION_COLUMNS, control_rows, orders_rows, position_rows


def publish(book: str, exported: Exported, text: str) -> None:
    """A summary in Markdown, and tables of the orders, the risk controls and the positions."""
    session = exported.figures.session
    key = _key(book)
    create_markdown_artifact(text, key=f"{key}-summary", description=f"{book} {session}")
    tables: dict[str, list[dict[str, object]]] = {
        "orders": [dict(zip(ORDER_COLUMNS, row, strict=True)) for row in orders_rows(exported, session)],
        "risk": control_rows(exported, session),
        "positions": [dict(zip(POSITION_COLUMNS, row, strict=True)) for row in position_rows(exported, session)],
    }
    for name, rows in tables.items():
        if rows:
            create_table_artifact(rows, key=f"{key}-{name}", description=f"{name} of {book} {session}")


def publish_slot(book: str, exported: Exported, text: str) -> None:
    """A slot's summary in Markdown."""
    create_markdown_artifact(text, key=f"{_key(book)}-slot", description=exported.figures.run_id)


def publish_question(book: str, text: str) -> None:
    """What people are asked about a basket, in Markdown."""
    create_markdown_artifact(text, key=f"{_key(book)}-basket", description=f"basket of {book} that waits for people")


def _key(book: str) -> str:
    return book.replace("_", "-")
