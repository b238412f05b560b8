"""From where somebody asks, behind the proxies that are trusted to tell it."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web


def remote_of(request: web.Request, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The nearest address that is no trusted proxy's: what those further away claim is anybody's word."""
    told = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    address = request.remote or ""
    for claimed in (part.strip() for part in reversed(told)):
        if not claimed or not _is_of(address, trusted):
            break
        address = claimed
    return address


def _is_of(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)
