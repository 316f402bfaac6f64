"""Alembic's environment; ``datasource/sql/migrate.py`` hands it the connection and the history to run."""

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    version_table=attributes["version_table"],
    transactional_ddl=True,
)
context.run_migrations()
