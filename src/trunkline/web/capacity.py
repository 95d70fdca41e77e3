"""Limits of a server that fit into the file descriptors of its process."""

from __future__ import annotations

from trunkline.descriptors import Capacity, capacity_for, soft_limit
from trunkline.settings import Settings


def capacity_of(settings: Settings) -> Capacity:
    """Return the connections and calls of the settings, or fewer if the process may open too few descriptors."""
    return capacity_for(Capacity(settings.max_connections, settings.max_calls), soft_limit())
