"""Socket options of one socket, as values in force. A child inherits its listener's."""

from dataclasses import dataclass

from finwait.endpoint.profile import Profile


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are microseconds; None means that the profile's value holds."""

    receive_buffer: int
    """As read back."""
    send_buffer: int
    receive_buffer_set: bool = False
    send_buffer_set: bool = False
    receive_low_water: int = 1
    linger: int | None = None
    """SO_LINGER; None: off."""
    keep_alive: bool = False
    keep_idle: int | None = None
    keep_interval: int | None = None
    keep_probes: int | None = None
    keep_init: int | None = None
    no_delay: bool = False
    cork: bool = False
    mss: int = 0
    """TCP_MAXSEG; 0: not set."""
    syn_retries: int | None = None
    linger2: int | None = None
    """TCP_LINGER2; negative: no FIN-WAIT-2."""
    defer_accept: int = 0
    window_clamp: int = 0
    user_timeout: int = 0
    fast_open_queue: int = 0
    """TCP_FASTOPEN of a listener."""
    fast_open_connect: bool = False
    not_sent_low_water: int = 0
    no_options: bool = False
    reuse_address: bool = False
    udp_port: int = 0
    """TCP_REMOTE_UDP_ENCAPS_PORT; 0: plain TCP."""
    ttl: int | None = None
    tos: int = 0
    inq: bool = False


def default_settings(profile: Profile) -> Settings:
    """Give what a new socket has."""
    return Settings(profile.receive_buffer, profile.send_buffer)
