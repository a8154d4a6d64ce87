"""Alembic's entry: run the migrations on the connection that stockrnn hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
