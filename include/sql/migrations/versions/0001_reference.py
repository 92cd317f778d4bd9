"""Schema reference: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_sql_file(__file__)
