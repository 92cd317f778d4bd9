"""Schema landing: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql_file(__file__)
