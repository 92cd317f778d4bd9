"""Migrates the warehouse as its owner: `CITY_ORDER_OWNER_DSN` says where it is.

One revision is one SQL file beside its few lines of Python in `versions/`.
"""

import os

import sqlalchemy
from alembic import context

dsn = os.environ.get("CITY_ORDER_OWNER_DSN")
if not dsn:
    raise SystemExit("CITY_ORDER_OWNER_DSN is not set: give the owner's DSN of the warehouse, postgresql://…")

url = sqlalchemy.make_url(dsn).set(drivername="postgresql+psycopg2")
engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, version_table_schema="public", transaction_per_migration=True)
    known = {script.revision for script in context.script.walk_revisions()}
    if newer := set(context.get_context().get_current_heads()) - known:
        raise SystemExit(
            f"The warehouse is of schema revision {', '.join(newer)}, which this checkout does not know: it is older "
            "than the data.\nUpdate the checkout (git pull), or restore a backup of that time into a fresh home."
        )
    with context.begin_transaction():
        context.run_migrations()
