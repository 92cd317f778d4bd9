"""A correction that drops nearly all of the answer before it: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_sql_file(__file__)
