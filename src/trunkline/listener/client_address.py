"""Address of a client, and the client of an address: one machine can take any address of its IPv6 network."""

from __future__ import annotations

import ipaddress

from starlette.types import Scope

_IPV6_NETWORK = 64
"""Prefix length of the network of one client."""


def address_of(scope: Scope) -> str:
    """Return the address of the client that sent a request."""
    return str((scope.get("client") or ("unknown", 0))[0])


def client_address(host: str) -> str:
    """Return the client of an address: the address itself, or the network of an IPv6 address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, _IPV6_NETWORK), strict=False))
