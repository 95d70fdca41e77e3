"""File descriptors: the raised limit, and the server's limits that follow from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trunkline.descriptors import FOR_EACH_CALL, RESERVED, Capacity, capacity_for, open_descriptors, soft_limit

WANTED = Capacity(connections=1000, calls=100)


@pytest.mark.parametrize("descriptors", [None, 65_536, RESERVED + 1000 + FOR_EACH_CALL * 100])
def test_limits_that_fit_stay(descriptors: int | None) -> None:
    assert capacity_for(WANTED, descriptors) == WANTED


@pytest.mark.parametrize("descriptors", [128, 256, 512, 1024, 1463])
def test_limits_that_do_not_fit_are_lowered_until_they_do(descriptors: int) -> None:
    capacity = capacity_for(WANTED, descriptors)
    assert RESERVED + capacity.connections + FOR_EACH_CALL * capacity.calls <= descriptors
    assert capacity.calls >= 1
    assert capacity.connections >= capacity.calls


def test_a_limit_that_is_too_small_for_anything_leaves_one_call() -> None:
    assert capacity_for(WANTED, 10).calls == 1


def test_the_soft_limit_is_raised_to_the_hard_limit() -> None:
    program = """
import resource
from trunkline import descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024))
descriptors.raise_soft_limit()
print(descriptors.soft_limit())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1024"


def test_open_descriptors_are_counted() -> None:
    before, limit = open_descriptors(), soft_limit()
    assert before is not None
    path = Path(__file__)
    with path.open(), path.open():
        assert open_descriptors() == before + 2
    assert limit is None or limit > before
