"""Imports run one way: dags, plugins → flows → I/O modules and pure modules → vocabulary."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "include.city_order"

#: Every module of the domain package, by its layer. A module may import its own layer and those below.
LAYERS = (
    {"vocabulary"},
    # Pure: values in, values out; no database, no files but those of the house, no Airflow.
    {
        "binary_workbooks", "cleaning", "disclosure", "drop_dates", "export_csv", "export_page", "export_parquet",
        "export_workbook", "fillable_form", "formats", "headings", "identifiers", "identity", "kinds", "likeness",
        "personal_data", "protocol", "protocol_copy", "protocol_data", "protocol_facts", "protocol_words", "questions",
        "readings", "release_tables", "replay_words", "sheet_facts", "site", "suites", "surveys", "tables",
        "text_tables", "values", "verdicts", "zipped",
    },
    # They touch the world: folders, processes, the warehouse.
    {
        "antivirus", "archive", "box", "checks", "comparisons", "confinement", "documentation", "gate", "inbox",
        "outbox", "references", "releases", "sandbox", "summary", "warehouse",
    },
    # Flows: what tasks call.
    {"answers", "exports", "forms", "intake", "orders", "preview", "proposals", "publication", "replay"},
    # What only DAG files and plugins may import.
    {"orchestration"},
)  # fmt: skip
PURE = LAYERS[0] | LAYERS[1]
LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}
HEAVY = ("pandas", "great_expectations", "sqlalchemy")
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "shared", "base", "core", "lib"}


def files(*folders: str) -> list[Path]:
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert found
    return found


def imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    """Every module that a file imports, with each imported name as if it were a module of its own."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where a name comes from"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(path: Path) -> set[str]:
    """The modules of the domain package that a file imports."""
    names = (name.removeprefix(PACKAGE + ".").split(".")[0] for name in imports(path) if name.startswith(PACKAGE + "."))
    return {name for name in names if name in LEVEL}


def test_every_module_has_a_layer():
    present = {path.stem for path in (ROOT / "include/city_order").glob("*.py")} - {"__init__"}
    assert present == set(LEVEL)
    assert sum(map(len, LAYERS)) == len(LEVEL), "a module stands in two layers"


@pytest.mark.parametrize("module", sorted(LEVEL))
def test_a_module_imports_nothing_above_it(module: str):
    above = {
        name for name in imported_modules(ROOT / "include/city_order" / f"{module}.py") if LEVEL[name] > LEVEL[module]
    }
    assert above == set()


def test_the_law_finds_a_breach(tmp_path: Path):
    file = tmp_path / "breach.py"
    file.write_text("def f():\n    from include.city_order import intake\n", encoding="utf-8")
    assert imported_modules(file) == {"intake"}


@pytest.mark.parametrize("module", sorted(PURE))
def test_a_pure_module_touches_no_database_and_no_airflow(module: str):
    packages = {name.split(".")[0] for name in imports(ROOT / "include/city_order" / f"{module}.py")}
    assert not packages & {
        "psycopg2",
        "sqlalchemy",
        "airflow",
        "great_expectations",
        "subprocess",
        "socket",
        "requests",
    }


@pytest.mark.parametrize("path", files("include"), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_imports_dags_or_plugins_and_only_orchestration_imports_airflow(path: Path):
    packages = {name.split(".")[0] for name in imports(path)}
    assert not packages & {"dags", "plugins", "tests"}
    if path.stem != "orchestration":
        assert "airflow" not in packages


@pytest.mark.parametrize("path", files("dags", "plugins"), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_airflow_parses_imports_nothing_heavy_and_no_flow(path: Path):
    at_parse = set(imports(path, top_level=True))
    assert not {name.split(".")[0] for name in at_parse} & {*HEAVY, "psycopg2"}
    flows = {f"{PACKAGE}.{module}" for module in LAYERS[3]}
    assert not at_parse & flows


def test_no_module_has_a_name_that_says_nothing():
    assert {path.stem for path in files("include", "dags", "plugins")} & SAYS_NOTHING == set()
    folders = {path.name for path in (ROOT / "include").rglob("*") if path.is_dir() and path.parent.name != "sql"}
    assert folders & SAYS_NOTHING == set()


@pytest.mark.slow
@pytest.mark.parametrize("path", files("dags"), ids=lambda path: path.stem)
def test_parsing_a_dag_loads_neither_pandas_nor_great_expectations(path: Path):
    program = (
        "import runpy, sys\n"
        f"runpy.run_path({str(path)!r})\n"
        "heavy = {'pandas', 'great_expectations', 'psycopg2', 'python_calamine'} & set(sys.modules)\n"
        "flows = {name for name in sys.modules if name in "
        f"{sorted(f'{PACKAGE}.{module}' for module in LAYERS[3] | {'checks'})}}}\n"
        "print(sorted(heavy | flows))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "[]"
