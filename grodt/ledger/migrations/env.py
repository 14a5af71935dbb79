"""What Alembic runs for each upgrade: the revisions, inside the transaction that `grodt.ledger.schema` holds."""

from alembic import context

from grodt.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
