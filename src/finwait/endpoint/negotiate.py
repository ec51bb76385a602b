"""What a SYN offers, what of the peer's offer is taken, and how options are laid out on the wire."""

from finwait.endpoint.connection import Connection
from finwait.endpoint.profile import Checks, SynOptions
from finwait.endpoint.window import offered_scale
from finwait.tcp import Flags, Options, Seq
from finwait.tcp.params import WINDOW_SCALE_MAX
from finwait.tcp.seq import MODULUS
from finwait.wire import TcpOption

TCP_HEADER = 20
"""RFC 9293 section 3.1, without options."""
TIMESTAMP_ROOM = 12
"""RFC 7323 appendix A: the option and its padding."""
OPTIONS_ROOM = 40
FOEXP_MAGIC = b"\xf9\x89"
"""RFC 6994, and draft-ietf-tcpm-fastopen before it had a kind."""
EOL, NOP, MSS, WSCALE, SACK_OK, SACK, TIMESTAMPS, FAST_OPEN, EXPERIMENT = (
    *(0, 1, 2, 3, 4, 5, 8, 34, 254),
)
"""IANA's kinds."""


def clock(c: Connection, now: int) -> int:
    """TSval of a segment sent now: a clock of milliseconds (RFC 7323 section 5.4)."""
    return (now // 1000 + c.ts_offset) % MODULUS


def advertised_mss(c: Connection) -> int:
    """What our SYN says: what fits our link (RFC 9293 section 3.7.1, RFC 6691)."""
    fits = c.mtu - c.header - TCP_HEADER
    return min(fits, c.settings.mss) if c.settings.mss else fits


def syn_options(c: Connection, now: int, *, bare: bool = False) -> Options:
    """The options of our first SYN. `bare`: it was repeated so often that only the MSS is left."""
    if c.settings.no_options or bare:
        return Options(mss=None if c.settings.no_options else advertised_mss(c))
    c.rcv_wscale = offered_scale(c)
    return Options(
        mss=advertised_mss(c),
        window_scale=c.rcv_wscale if c.profile.window_scaling else None,
        sack_permitted=c.profile.sack,
        timestamps=(clock(c, now), 0) if c.profile.timestamps else None,
        fast_open=c.fast_open,
        fast_open_experimental=c.fast_open_experimental,
    )


def syn_ack_options(c: Connection, now: int) -> Options:
    """The options of our SYN,ACK: those that the peer's SYN had and we speak."""
    return Options(
        mss=None if c.settings.no_options else advertised_mss(c),
        window_scale=c.rcv_wscale if c.scaling else None,
        sack_permitted=c.sack,
        timestamps=(clock(c, now), c.ts_recent) if c.timestamps else None,
        fast_open=c.fast_open_answer,
        fast_open_experimental=c.fast_open_experimental,
    )


def take_offer(c: Connection, options: Options, now: int) -> None:
    """Agree on options from the peer's SYN or SYN,ACK."""
    profile, wish = c.profile, not c.settings.no_options
    default = profile.mss_default_v6 if c.header == 40 else profile.mss_default_v4
    c.peer_mss = max(options.mss or default, profile.mss_min)
    c.scaling = wish and profile.window_scaling and options.window_scale is not None
    if c.scaling:
        c.snd_wscale = min(options.window_scale or 0, int(WINDOW_SCALE_MAX.value))
        c.rcv_wscale = offered_scale(c)
    else:
        c.snd_wscale = c.rcv_wscale = 0
    c.timestamps = wish and profile.timestamps and options.timestamps is not None
    if c.timestamps and options.timestamps:
        c.ts_recent, c.ts_recent_at = options.timestamps[0], now
    c.sack = wish and profile.sack and options.sack_permitted
    set_mss(c)


def set_mss(c: Connection) -> None:
    """Derive the payload of a full segment (RFC 9293 section 3.7.1, RFC 6691 section 2)."""
    fits = c.mtu - c.header - TCP_HEADER
    limit = min(c.peer_mss, fits)
    if c.settings.mss:
        limit = min(limit, c.settings.mss)
    c.mss = max(limit - (TIMESTAMP_ROOM if c.timestamps else 0), 1)


def own_mss(c: Connection) -> int:
    """Octets of payload that we expect in a full segment of the peer: Linux takes its timestamps off (tp->advmss)."""
    room = TIMESTAMP_ROOM if c.timestamps and c.profile.buffer_overhead else 0
    return max(advertised_mss(c) - room, 1)


def segment_options(c: Connection, now: int) -> Options:
    """The options of any later segment: timestamps and SACK blocks."""
    stamps = (clock(c, now), c.ts_recent) if c.timestamps else None
    blocks = sack_blocks(c)
    if stamps is None and not blocks:
        return Options()
    return Options(timestamps=stamps, sack=blocks)


def sack_blocks(c: Connection) -> tuple[tuple[Seq, Seq], ...]:
    """The blocks to report: a duplicate first (RFC 2883), then what changed last (RFC 2018 section 4)."""
    if not c.sack:
        return ()
    most = 3 if c.timestamps else 4
    if c.profile.arrival_checks is Checks.LINUX:
        return ((c.duplicate, *c.blocks) if c.duplicate else c.blocks)[:most]
    merged: list[tuple[Seq, Seq]] = []
    for piece in c.pieces:
        # FreeBSD does not report the number of a FIN (tcp_reass).
        end = piece.data_end if c.profile.arrival_checks is Checks.FREEBSD else piece.end
        if merged and merged[-1][1] == piece.seq:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((piece.seq, end))
    merged.sort(key=lambda block: _age(c, block))
    if c.duplicate is not None:
        merged.insert(0, c.duplicate)
    return tuple(merged[:most])


def _age(c: Connection, block: tuple[Seq, Seq]) -> int:
    """How many blocks changed after this one."""
    for number, seq in enumerate(c.sack_recent):
        if seq.within(block[0], block[1] - block[0]):
            return number
    return len(c.sack_recent)


def layout(options: Options, flags: Flags, order: SynOptions) -> tuple[TcpOption, ...]:
    """Lay options out as a system does, padded to whole words."""
    if not Flags.SYN & flags:
        return _layout_later(options)
    lay = _layout_freebsd if order is SynOptions.FREEBSD else _layout_linux
    found = lay(options)
    length = sum(1 if option.kind < 2 else 2 + len(option.data) for option in found)
    pad = TcpOption(EOL if order is SynOptions.FREEBSD else NOP)
    return (*found, *(pad for _ in range(-length % 4)))


def _layout_later(options: Options) -> tuple[TcpOption, ...]:
    found: list[TcpOption] = []
    if options.timestamps:
        found += [TcpOption(NOP), TcpOption(NOP), _timestamps(options.timestamps)]
    if options.sack:
        data = b"".join(edge.value.to_bytes(4, "big") for block in options.sack for edge in block)
        found += [TcpOption(NOP), TcpOption(NOP), TcpOption(SACK, data)]
    return tuple(found)


def _layout_freebsd(options: Options) -> list[TcpOption]:
    """FreeBSD tcp_addoptions: each option on its own alignment, NOPs before it."""
    found: list[TcpOption] = []
    length = 0

    def add(option: TcpOption, unit: int, rest: int) -> None:
        nonlocal length
        while length % unit != rest:
            found.append(TcpOption(NOP))
            length += 1
        found.append(option)
        length += 2 + len(option.data)

    if options.mss is not None:
        add(TcpOption(MSS, options.mss.to_bytes(2, "big")), 4, 0)
    if options.window_scale is not None:
        add(TcpOption(WSCALE, bytes([options.window_scale])), 4, 1)
    if options.sack_permitted:
        add(TcpOption(SACK_OK), 2, 0)
    if options.timestamps:
        add(_timestamps(options.timestamps), 4, 2)
    if options.fast_open is not None:
        add(TcpOption(FAST_OPEN, options.fast_open), 1, 0)
    return found


def _layout_linux(options: Options) -> list[TcpOption]:
    """Linux tcp_options_write: SACK permitted and timestamps fill each other's padding."""
    found: list[TcpOption] = []
    if options.mss is not None:
        found.append(TcpOption(MSS, options.mss.to_bytes(2, "big")))
    scale = options.window_scale
    scaled = [] if scale is None else [TcpOption(NOP), TcpOption(WSCALE, bytes([scale]))]
    sack = [TcpOption(SACK_OK)] if options.sack_permitted else []
    stamps = [_timestamps(options.timestamps)] if options.timestamps else []
    if sack and stamps:
        found += sack + stamps + scaled
    elif sack or stamps:
        # Linux tcp_options_write fills the word with two NOPs in front
        found += [TcpOption(NOP), TcpOption(NOP), *sack, *stamps, *scaled]
    else:
        found += scaled
    if options.fast_open is not None:
        cookie = options.fast_open
        if options.fast_open_experimental:
            extra = TcpOption(EXPERIMENT, FOEXP_MAGIC + cookie)
        else:
            extra = TcpOption(FAST_OPEN, cookie)
        found.append(extra)
    return found


def _timestamps(stamps: tuple[int, int]) -> TcpOption:
    return TcpOption(TIMESTAMPS, stamps[0].to_bytes(4, "big") + stamps[1].to_bytes(4, "big"))


def read_options(found: tuple[TcpOption, ...]) -> Options:
    """Read the options of a header; those of a wrong length are as if absent (RFC 9293 section 3.1, MUST-7)."""
    values: dict[str, object] = {}
    for option in found:
        kind, data = option.kind, option.data
        if kind == MSS and len(data) == 2:
            values["mss"] = int.from_bytes(data, "big")
        elif kind == WSCALE and len(data) == 1:
            values["window_scale"] = data[0]
        elif kind == SACK_OK and not data:
            values["sack_permitted"] = True
        elif kind == SACK and data and len(data) % 8 == 0:
            edges = [Seq(int.from_bytes(data[i : i + 4], "big")) for i in range(0, len(data), 4)]
            values["sack"] = tuple(zip(edges[::2], edges[1::2], strict=True))
        elif kind == TIMESTAMPS and len(data) == 8:
            values["timestamps"] = (
                int.from_bytes(data[:4], "big"),
                int.from_bytes(data[4:], "big"),
            )
        elif kind == FAST_OPEN:
            values["fast_open"] = data
        elif kind == EXPERIMENT and data.startswith(FOEXP_MAGIC):
            values["fast_open"] = data[2:]
            values["fast_open_experimental"] = True
    return Options(**values)  # type: ignore[arg-type]  # each value was built for its field above
