"""What the options of a script and of the command line say about a play."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final

from finwait.errors import Misuse
from finwait.script.options import check_option
from finwait.script.syntax import Dialect, Script
from finwait.stage.stage import Setup
from finwait.wire import Address

TOLERANCE: Final = 4000
"""Microseconds; what both references take."""
PERCENT: Final = 12.5
PERCENT_FREEBSD: Final = 5.0
PORT: Final = 8080
MTU: Final = 1500
LOCAL: Final = {4: "192.168.0.1", 6: "fd3d:fa7b:d17d::1"}
GATEWAY: Final = {4: "192.168.0.2", 6: "fd3d:fa7b:d17d::2"}
REMOTE: Final = {4: "192.0.2.1/24", 6: "2001:db8::1/32"}
"""RFC 5737 and RFC 3849: addresses for documentation."""
LOCAL_PREFIX: Final = {4: 16, 6: 48}
REFUSED: Final = frozenset(
    {"wire_client", "wire_server", "so_filename", "is_anyip", "psp_udp_port", "tcp_md5_secret"}
)
"""Options of the references for which finwait has nothing: said so, not ignored."""


@dataclass(frozen=True, slots=True)
class Config:
    """How to play a script: what its option lines say, with those of the command line over them."""

    dialect: Dialect = Dialect.FINWAIT
    family: str = "ipv4"
    tolerance: int = TOLERANCE
    percent: float = PERCENT
    strict_segments: bool = False
    timestamp_tick: int = 0
    """Microseconds of a tick of TSval; 0: TSval is not compared."""
    scaled_echo: bool = False
    fatal_packets: bool = True
    fatal_calls: bool = True
    cleanup: bool = True
    """RSTs at the end."""
    udp_encapsulation: bool = False
    init_scripts: tuple[str, ...] = ()
    until: int | None = None
    """Stop there: microseconds from the start of the script."""
    setup: Setup = field(kw_only=True)


def configure(
    script: Script,
    over: Mapping[str, str | None],
    dialect: Dialect = Dialect.FINWAIT,
    *,
    folder: str = ".",
    until: int | None = None,
    percent: float = PERCENT,
) -> Config:
    """Read the options. `over`: those of the command line, by name; they win. Raises Misuse."""
    given: dict[str, str | None] = {option.name: option.value for option in script.options}
    _check(over.items())
    given |= over
    refused = REFUSED & given.keys()
    if refused:
        raise Misuse(f"finwait has no --{min(refused)}", f"finwait 没有 --{min(refused)}")
    if given.get("udp_encapsulation") == "sctp":
        raise Misuse("finwait does not speak SCTP", "finwait 不支持 SCTP")
    non_fatal = (given.get("non_fatal") or "").split(",")
    return Config(
        dialect=dialect,
        family=_of_family(given),
        tolerance=_number(given, "tolerance_usecs", TOLERANCE),
        percent=float(given.get("tolerance_percent") or percent),
        strict_segments="strict_segments" in given or dialect is Dialect.NPLAB,
        timestamp_tick=_number(given, "tcp_ts_tick_usecs", 0),
        scaled_echo="tcp_ts_ecr_scaled" in given,
        fatal_packets="packet" not in non_fatal,
        fatal_calls="syscall" not in non_fatal or dialect is Dialect.GOOGLE,
        cleanup="no_cleanup" not in given,
        udp_encapsulation="udp_encapsulation" in given,
        init_scripts=tuple(filter(None, (given.get("init_scripts") or "").split(","))),
        until=until,
        setup=_setup(given, folder),
    )


def _check(options: Iterable[tuple[str, str | None]]) -> None:
    for name, value in options:
        wrong = check_option(name, value)
        if wrong is not None:
            raise Misuse(f"--{name} {wrong.en}", f"--{name} {wrong.zh}")


def family(script: Script, over: Mapping[str, str | None]) -> str:
    """Say in what a script is played: ipv4, ipv6 or ipv4-mapped-ipv6."""
    return _of_family({option.name: option.value for option in script.options} | dict(over))


def _of_family(given: Mapping[str, str | None]) -> str:
    return (given.get("ip_version") or "ipv4").replace("_", "-")


def _number(given: Mapping[str, str | None], name: str, default: int) -> int:
    value = given.get(name)
    return default if value is None else int(value)


def _setup(given: Mapping[str, str | None], folder: str) -> Setup:
    family = _of_family(given)
    version = 6 if family == "ipv6" else 4
    local, prefix = _address(given.get("local_ip") or LOCAL[version], LOCAL_PREFIX[version])
    mask = given.get("netmask_ip")
    if mask and version == 4:
        prefix = ip_network(f"0.0.0.0/{mask}").prefixlen
    remote, remote_prefix = _address(
        given.get("remote_ip") or REMOTE[version], IPv4Address(0).max_prefixlen
    )
    gateway, _ = _address(given.get("gateway_ip") or GATEWAY[version], 0)
    for name, address in (("local_ip", local), ("remote_ip", remote), ("gateway_ip", gateway)):
        if address.version != version:
            raise Misuse(
                f"--{name}={address} is not of --ip_version={family}",
                f"--{name}={address} 不属于 --ip_version={family}",
            )
    speed = given.get("speed")
    return Setup(
        family=family,
        local=local,
        gateway=gateway,
        remote=remote,
        prefix_length=prefix,
        remote_prefix_length=remote_prefix,
        bind_port=_number(given, "bind_port", PORT),
        connect_port=_number(given, "connect_port", PORT),
        mtu=_number(given, "mtu", MTU),
        folder=folder,
        speed=None if speed is None else int(speed),
        gso_size=_number(given, "mss", 0),
    )


def _address(text: str, prefix: int) -> tuple[Address, int]:
    address, slash, length = text.partition("/")
    return ip_address(address), int(length) if slash else prefix
