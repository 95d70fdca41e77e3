"""Zip codes on the map: the areas of the first three digits, and distances between them."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

_MILES_PER_DEGREE = 69.0


@cache
def _areas() -> dict[int, tuple[float, float]]:
    """Return latitude and longitude by the first three digits of a zip code, from `zip_areas.txt`."""
    lines = Path(__file__).with_name("zip_areas.txt").read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {int(row[0]): (float(row[1]), float(row[2])) for row in rows}


def miles_between(one: str, other: str) -> int:
    """Return the distance between two zip codes in miles, to the nearest known areas; 1 within an area."""
    (north, west), (other_north, other_west) = _place(one), _place(other)
    east = (west - other_west) * math.cos(math.radians((north + other_north) / 2))
    return max(1, round(math.hypot(north - other_north, east) * _MILES_PER_DEGREE))


def _place(zip_code: str) -> tuple[float, float]:
    """Return the place of the nearest known area: the codes of a region follow each other."""
    prefix = int(zip_code[:3])
    nearest = min(_areas(), key=lambda area: (abs(area - prefix), area))
    return _areas()[nearest]
