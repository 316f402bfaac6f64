"""Under which addresses this machine can be reached, for the start-up message and for certificates."""

import fcntl
import socket
import struct

_SIOCGIFADDR = 0x8915


def local_ipv4() -> list[str]:
    """List the IPv4 addresses of this machine's interfaces, loopback last."""
    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:  # this interface has no IPv4 address
                continue
            found.append(socket.inet_ntoa(answer[20:24]))
    return sorted(dict.fromkeys(found), key=lambda address: address.startswith("127."))


def host_names() -> list[str]:
    """List the names of this machine, as far as it knows them itself."""
    name = socket.gethostname()
    names = ["localhost", name]
    if "." not in name:
        names.append(f"{name}.local")
    return [n for n in dict.fromkeys(names) if n]


def port_is_free(host: str, port: int) -> bool:
    """Say whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
