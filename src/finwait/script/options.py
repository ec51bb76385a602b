"""The options that may stand at the head of a script, and what their values may be."""

import re
from typing import Final

from finwait.verdict.language import Text

FLAG: Final = None
"""An option without a value."""
ANYTHING: Final = re.compile(r"(?s).*")
NUMBER: Final = re.compile(r"[0-9]{1,10}")
ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?")
PORT: Final = range(1, 65536)

OPTIONS: Final[dict[str, re.Pattern[str] | range | None]] = {
    "ip_version": re.compile(r"ipv4|ipv6|ipv4-mapped-ipv6|ipv4_mapped_ipv6"),
    "bind_port": PORT,
    "connect_port": PORT,
    "local_ip": ADDRESS,
    "gateway_ip": ADDRESS,
    "netmask_ip": ADDRESS,
    "remote_ip": ADDRESS,
    "local_linklocal_ip": ADDRESS,
    "gateway_linklocal_ip": ADDRESS,
    "mtu": range(68, 65536),  # RFC 791: every module must forward 68 octets
    "mss": range(65536),
    "speed": NUMBER,
    "tolerance_usecs": range(1, 2**31),
    "tolerance_percent": re.compile(r"100(\.0*)?|[0-9]{1,2}(\.[0-9]*)?"),
    "tcp_ts_tick_usecs": range(1_000_001),
    "tcp_ts_ecr_scaled": FLAG,
    "strict_segments": FLAG,
    "non_fatal": re.compile(r"(packet|syscall)(,(packet|syscall))*"),
    "define": re.compile(r"(?s)\s*[A-Za-z_0-9]+\s*=.*"),
    "init_scripts": ANYTHING,
    "code_command": ANYTHING,
    "code_format": ANYTHING,
    "code_sockopt": ANYTHING,
    "send_omit_free": FLAG,
    "dry_run": FLAG,
    "verbose": FLAG,
    "debug": FLAG,
    "is_anyip": FLAG,
    "no_cleanup": FLAG,
    "udp_encapsulation": re.compile("tcp|sctp"),
    "tcp_md5_secret": ANYTHING,
    "psp_udp_port": PORT,
    "so_filename": ANYTHING,
    "so_flags": ANYTHING,
    "wire_client": FLAG,
    "wire_server": FLAG,
    "wire_server_ip": ANYTHING,
    "wire_server_at": ANYTHING,
    "wire_server_port": PORT,
    "wire_client_dev": ANYTHING,
    "wire_server_dev": ANYTHING,
    "tun_dev": ANYTHING,
    "persistent_tun_dev": FLAG,
}
"""Name to what its value may be; FLAG: it has none. `script/runner.py` says what they do, or that it does not do them."""


def check_option(name: str, value: str | None) -> Text | None:
    """Say what is wrong with an option, as the end of a sentence that begins with its name; None if nothing is."""
    if name not in OPTIONS:
        return Text("is not an option", "不是选项")
    allowed = OPTIONS[name]
    if value is None:
        needs = Text("needs a value, as in --name=value", "需要一个值，如 --name=value")
        return None if allowed is None else needs
    if allowed is None:
        return Text("takes no value", "不带值")
    if isinstance(allowed, range):
        fits = NUMBER.fullmatch(value) is not None and int(value) in allowed
        first, last = allowed.start, allowed.stop - 1
        wrong = Text(
            f"is {value}, which is not a number from {first} to {last}",
            f"是 {value}，而它应是 {first} 到 {last} 的数",
        )
    else:
        fits = allowed.fullmatch(value) is not None and (
            allowed is not ADDRESS or _is_address(value)
        )
        wrong = Text(f"cannot be {value or 'empty'}", f"不能是 {value or '空'}")
    return None if fits else wrong


def _is_address(value: str) -> bool:
    from ipaddress import ip_interface  # few scripts say an address

    try:
        ip_interface(value)
    except ValueError:
        return False
    return True
