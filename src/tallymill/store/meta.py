"""`Epochs` on a database: the random name that it was given when it was made."""

from sqlalchemy import Connection, select

from tallymill.kernel.errors import Corrupt
from tallymill.store.database import Database
from tallymill.store.tables.meta import EPOCH, meta


class SqlEpochs:
    """See `Epochs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def epoch(self) -> str:
        """See `Epochs.epoch`."""

        def question(connection: Connection) -> str | None:
            found: str | None = connection.scalar(
                select(meta.c.value).where(meta.c.key == EPOCH)
            )
            return found

        epoch = await self._database.read(question)
        if not epoch:
            raise Corrupt("The database has no epoch; restore it from a backup.")
        return epoch
