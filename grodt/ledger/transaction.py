"""The two kinds of transaction that the room's functions take."""

from sqlalchemy import Connection


class Read:
    """A read transaction: every query in it sees the ledger at one instant. Made by `Ledger.read`.

    Attributes:
        connection: for the functions of this room alone.
    """

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        """For `Ledger` alone."""
        self.connection = connection


class Write(Read):
    """A write transaction: it holds the ledger's write lock from its start. Made by `Ledger.write`."""

    __slots__ = ()
