"""
What the environment says: proxies, as curl and others read it, and options.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from .argument import Argument, BadArgument

__all__ = ["more_given", "proxies"]

_IMPLIED_PORTS = {"http": 80, "https": 443}
_ENTRY = re.compile(r"(?:\*?\.)?(.+?)(?::([0-9]+))?\Z")


def proxies(environment: Mapping[str, str]) -> Callable[[str], str | None] | None:
    """
    What ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` say; names in lower case go
    before these.

    :param environment: its variables.
    :returns: a function from an origin to the URL of its proxy, or :data:`None` for none; or
        :data:`None` if there is no proxy.
    """
    urls = {scheme: _url(environment, scheme) for scheme in ("http", "https")}
    exceptions = re.split(r"[\s,]+", _variable(environment, "NO_PROXY").strip().lower())

    def choose(origin: str) -> str | None:
        parts = urlsplit(origin)
        port = parts.port or _IMPLIED_PORTS[parts.scheme]
        if any(_covers(entry, parts.hostname or "", port) for entry in exceptions):
            return None
        return urls[parts.scheme]

    return choose if any(urls.values()) else None


def more_given(
    given: Iterable[tuple[Argument, Any]],
    arguments: Iterable[Argument],
    environment: Mapping[str, str],
) -> list[tuple[Argument, Any]]:
    """
    What was typed, and for what was not, variables as ``TXRESUMABLE_CHUNK_SIZE``: of a switch
    ``yes`` or ``no``, of what may be given several times a line each.

    :param given: what was typed.
    :param arguments: all that there are.
    :param environment: its variables.
    :raises BadArgument: if a switch has another value.
    """
    found = list(given)
    typed = {argument.name for argument, _ in found}
    for argument in arguments:
        text = environment.get(f"TXRESUMABLE_{argument.name.upper().replace('-', '_')}")
        if text is None or argument.name in typed:
            continue
        if argument.is_switch:
            if text not in ("yes", "no"):
                raise BadArgument(argument.name, text, "in the environment must be yes or no")
            found.append((argument, text == "yes"))
        else:
            found += [(argument, each) for each in (text.split("\n") if argument.many else [text])]
    return found


def _variable(environment: Mapping[str, str], name: str) -> str:
    found = environment.get(name.lower())
    return environment.get(name, "") if found is None else found


def _url(environment: Mapping[str, str], scheme: str) -> str | None:
    name = f"{scheme.upper()}_PROXY"
    if name == "HTTP_PROXY" and "REQUEST_METHOD" in environment:
        url = environment.get("http_proxy", "")  # in CGI, that in capitals is a client's header
    else:
        url = _variable(environment, name)
    url = url or _variable(environment, "ALL_PROXY")
    if not url:
        return None
    return url if "://" in url else f"http://{url}"


def _covers(entry: str, host: str, port: int) -> bool:
    """
    Whether an entry of ``NO_PROXY`` is about a host.

    :param entry: ``*``, an address, a network as ``10.0.0.0/8``, or a domain with all below it;
        with a port, or for all.
    """
    if entry == "*":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    if address is not None:
        try:
            return address in ip_network(entry.strip("[]"), strict=False)
        except ValueError:  # it is a name, or has a port
            pass
    found = _ENTRY.match(entry)
    if found is None or (found[2] and int(found[2]) != port):
        return False
    name = found[1].strip("[]")
    return host == name or (address is None and host.endswith(f".{name}"))
