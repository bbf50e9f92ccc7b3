"""Which addresses are the public internet, and which are this machine alone.

Ours to decide: `ipaddress.is_global` changes from Python to Python.
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA special-purpose registries (read 2026-11-21), and addresses where clouds keep their instances' credentials.
_DENIED_V4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network, unspecified
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's wire server
        "169.254.0.0/16",  # link-local; the metadata address of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata 192.0.0.192
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Only 2000::/3 is handed out as global unicast: all else (loopback, mapped and compatible IPv4, NAT64 in 64:ff9b::/96
# and 64:ff9b:1::/48, discard, unique-local, link-local, site-local, multicast) is denied by being outside of it.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_DENIED_V6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which wraps any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # interface ids that wrap an IPv4 address


def is_public(address: Address) -> bool:
    """Whether a picture may be fetched from there."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _DENIED_V4)
    if address.scope_id is not None or address not in _GLOBAL_V6:
        return False
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return False
    return not any(address in network for network in _DENIED_V6)


def is_address(host: str) -> bool:
    """Whether a URL's host is an address already, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine alone: `localhost`, `127.0.0.1`, `::1`."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def looks_numeric(host: str) -> bool:
    """Whether some resolver would read this host name as an IPv4 address: `2130706433`, `0x7f.1`, `0177.0.0.1`."""
    last = host.rstrip(".").rpartition(".")[2]
    if last.isdecimal():
        return True
    return last[:2] in ("0x", "0X") and all(character in "0123456789abcdefABCDEF" for character in last[2:])
