"""${message}: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    run_sql_file(__file__)
