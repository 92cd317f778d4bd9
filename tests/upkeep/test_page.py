"""docs/upkeep.md promises that every command of its table is drilled."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs/upkeep.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"`(make [a-z]+|docker/[a-z-]+)[^`]*` \|", PAGE)
DRILLS = {"make": "tests/upkeep/drill", "docker": "docker/drill-upkeep"}


def test_the_table_names_a_command_for_each_place():
    assert len(COMMANDS) == 8


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_drilled(command: str):
    place, name = re.split(r"[ /]", command)
    drill = (ROOT / DRILLS[place]).read_text(encoding="utf-8")
    assert re.search(rf"^run {name if place == 'make' else command}\b", drill, re.M)
