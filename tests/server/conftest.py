"""The image's programs, which are no modules of the project's, and the compose file as Compose reads it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def _program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docker" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def entry() -> ModuleType:
    return _program("entry")


@pytest.fixture
def healthy() -> ModuleType:
    return _program("healthy")


@pytest.fixture(scope="session")
def services() -> dict[str, dict[str, Any]]:
    """The services, with every variable that has a default at its default."""
    text = (ROOT / "docker-compose.yaml").read_text()
    return yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))["services"]
