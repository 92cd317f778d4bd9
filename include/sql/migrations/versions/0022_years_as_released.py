"""A release keeps the years that it was asked for, and how firm each was: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_sql_file(__file__)
