"""What releases read of the references, as it was at each load: the SQL file of the same name."""

from include.sql.migrations.revision import run_sql_file

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql_file(__file__)
