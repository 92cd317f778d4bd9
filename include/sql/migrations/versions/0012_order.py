"""An order in versions: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_sql_file(__file__)
