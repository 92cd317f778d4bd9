"""What every revision does: run the SQL file that stands beside it."""

from pathlib import Path

from alembic import op


def run_sql_file(revision_file: str) -> None:
    """Run it as it stands: the cursor is the driver's, so that `%` and `:` mean themselves."""
    cursor = op.get_bind().connection.cursor()
    cursor.execute(Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8"))
