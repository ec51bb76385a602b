"""A host: sockets, listeners and the connections between them, sans-IO.

Time and packets come in by arguments, packets and events go out by `transmit` and `events`. A host is
deterministic: the same calls give the same packets.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from finwait.endpoint import demux, listening
from finwait.endpoint.calls import (
    Abort,
    Close,
    Connect,
    Errno,
    Input,
    Option,
    Receive,
    Result,
    Send,
    SetOption,
    Shutdown,
    Tick,
)
from finwait.endpoint.connection import Connection, new_connection
from finwait.endpoint.cookie import KEY
from finwait.endpoint.options import changed, read
from finwait.endpoint.profile import Profile
from finwait.endpoint.rules import Rule
from finwait.endpoint.settings import default_settings
from finwait.endpoint.sockets import Ends, Entry, Handle, Notice, Readiness, Socket, readiness
from finwait.endpoint.status import Status, status_of
from finwait.endpoint.step import step
from finwait.endpoint.work import deadline
from finwait.errors import Misuse
from finwait.tcp import State
from finwait.wire import Address, Packet

FIRST_PORT, LAST_PORT = 32768, 60999
"""Linux ip_local_port_range."""


class Host:
    """A TCP with its sockets.

    `isn` gives the initial sequence number of a new connection from its ends and the time (RFC 9293
    section 3.4.1). `ts_offset` is what its timestamp clock of milliseconds begins at. A call never
    raises for what the network or the peer did: it gives a Result with an errno. Misuse (a handle
    that never was) raises `finwait.errors.Misuse`.
    """

    def __init__(
        self,
        profile: Profile,
        addresses: Iterable[Address],
        isn: Callable[[Ends, int], int] | None = None,
        mtu: int = 1500,
        ts_offset: int = 0,
    ) -> None:
        self.profile = profile
        self.addresses = tuple(addresses)
        self.isn = isn or demux.default_isn
        self.mtu = mtu
        self.ts_offset = ts_offset
        self.entries: dict[Ends, Entry] = {}
        self.sockets: dict[Handle, Socket] = {}
        self.cookies: dict[Address, tuple[bytes, int, bool]] = {}
        """Fast open: cookie, MSS, and whether by the experimental option, of each peer (RFC 7413 section 4.1.3)."""
        self.fast_open_refused: set[Address] = set()
        """Peers that answered a fast open without a good cookie (FreeBSD tcp_fastopen_disable_path)."""
        self.fast_open_key = KEY
        """What its cookies are made with (16 octets)."""
        self.udp_port = 0
        """Where TCP in UDP is taken; 0: nowhere (FreeBSD net.inet.tcp.udp_tunneling_port)."""
        self.device_full = False
        self._handles = 0
        self._next_port = FIRST_PORT
        self._out: list[Packet] = []
        self._notices: list[Notice] = []
        self._rules: list[Rule] = []
        self._edges: list[int] = []

    # --- calls ---

    def open(self, family: int = 4) -> Handle:
        """Make a socket (4: IPv4, 6: IPv6, which can speak IPv4 too)."""
        self._handles += 1
        self.sockets[self._handles] = Socket(self._handles, family, default_settings(self.profile))
        return self._handles

    def bind(self, socket: Handle, address: Address | None, port: int) -> Result:
        """Give a socket its local end; None: any address, 0: any port. EADDRINUSE, EINVAL."""
        held = self._socket(socket)
        if held.port:
            return Result(error=Errno.EINVAL)
        if address is not None and address not in self.addresses:
            return Result(error=Errno.EADDRNOTAVAIL)
        if port and demux.port_taken(self, held, address, port):
            return Result(error=Errno.EADDRINUSE)
        held.address, held.port = address, port or self.free_port()
        return Result()

    def listen(self, now: int, socket: Handle, backlog: int) -> Result:
        """Passive OPEN; on a listener: another backlog."""
        return listening.listen(self, self._socket(socket), now, backlog)

    def connect(self, now: int, socket: Handle, remote: Address, port: int) -> Result:
        """Active OPEN. Gives EINPROGRESS; CONNECTED or ERROR follows. EISCONN, EALREADY, or the error that it died of."""
        held = self._socket(socket)
        c = held.connection
        if held.listener is not None:
            return Result(error=Errno.EISCONN)
        if c is not None:
            return self._connect_again(held, c)
        if held.settings.fast_open_connect and remote in self.cookies:
            return Result()  # Linux defers the SYN to the first write (TCP_FASTOPEN_CONNECT)
        # Without a cookie, TCP_FASTOPEN_CONNECT asks for one (Linux tcp_fastopen_defer_connect).
        asks = held.settings.fast_open_connect and self.profile.fast_open_client
        return self._open_active(now, held, remote, port, Connect(fast_open=asks))

    def _connect_again(self, held: Socket, c: Connection) -> Result:
        """A second connect() tells how the first went."""
        if c.state in {State.SYN_SENT, State.SYN_RECEIVED}:
            return Result(error=Errno.EALREADY)
        if c.error is not None:
            error, c.error = c.error, None
            return Result(error=error)
        if not c.connected:
            return Result(error=Errno.ECONNABORTED)
        if not held.told_connected and self.profile.buffer_overhead:
            held.told_connected = True
            return Result()
        return Result(error=Errno.EISCONN)

    def _open_active(
        self, now: int, held: Socket, remote: Address, port: int, call: Connect
    ) -> Result:
        local = held.address or demux.source_for(self, remote)
        if local is None:
            return Result(error=Errno.ENETUNREACH)
        if not held.port:
            held.port = self.free_port()
        ends = Ends(local, held.port, remote, port)
        present = self.entries.get(ends)
        if present is not None and present.connection.state is not State.TIME_WAIT:
            return Result(error=Errno.EADDRNOTAVAIL)
        c = demux.fresh(self, held, ends, now, udp=bool(held.settings.udp_port))
        entry = Entry(ends, c, held.handle)
        if held.settings.udp_port:
            entry.udp_ports = (self.udp_port, held.settings.udp_port)
        held.entry = entry
        self.entries[ends] = entry
        return self.run(now, entry, call)

    def disconnect(self, now: int, socket: Handle) -> Result:
        """connect() to AF_UNSPEC: abort, and the socket is as new."""
        held = self._socket(socket)
        if held.listener is not None:
            listening.stop(self, held, now)
        if held.entry is not None:
            self.run(now, held.entry, Abort())
            held.entry.socket = None
            held.entry = None
        held.told_connected = False
        held.error = None
        return Result()

    def accept(self, now: int, socket: Handle) -> Result:
        """Take the oldest connection that waits: its handle is `value`. EAGAIN, EINVAL."""
        return listening.accept(self, self._socket(socket), now)

    def send(
        self,
        now: int,
        socket: Handle,
        data: bytes,
        *,
        more: bool = False,
        urgent: bool = False,
        end_of_record: bool = False,
        to: tuple[Address, int] | None = None,
        fast_open: bool = False,
    ) -> Result:
        """Queue as much of `data` as there is room for: `value`. EAGAIN if there is none, EPIPE, ENOTCONN, or its error.

        `to` with `fast_open` is sendto(MSG_FASTOPEN): connects, with data in the SYN if there is a cookie.
        """
        held = self._socket(socket)
        if to is not None and fast_open and held.entry is None:
            return self._send_opening(now, held, data, *to)
        if held.entry is None and to is not None and not self.profile.buffer_overhead:
            return self._send_implied(now, held, data, *to)
        if held.entry is None:
            return Result(error=Errno.EPIPE if self.profile.buffer_overhead else Errno.ENOTCONN)
        return self.run(now, held.entry, Send(data, more, urgent, end_of_record))

    def _send_opening(
        self, now: int, held: Socket, data: bytes, remote: Address, port: int
    ) -> Result:
        """RFC 7413 section 4.2.1: data in the SYN if the peer's cookie is known, else a request for one."""
        if not self.profile.fast_open_client:
            return Result(error=Errno.EOPNOTSUPP)
        known = self.cookies.get(remote)
        if known is None and not self.profile.fast_open_without_cookie:
            return self._open_active(now, held, remote, port, Connect(fast_open=True))
        cookie, mss, experimental = known or (b"", 0, False)
        header = 40 if remote.version == 6 else 20
        room = min(mss or self.mtu, self.mtu - header - 20) - 40  # Linux tcp_send_syn_data
        call = Connect(data[:room], True, cookie, experimental)
        result = self._open_active(now, held, remote, port, call)
        if result.error is Errno.EINPROGRESS and call.data:
            return Result(len(call.data))
        return result

    def _send_implied(
        self, now: int, held: Socket, data: bytes, remote: Address, port: int
    ) -> Result:
        """FreeBSD's sendto() on a new socket connects; with TCP_FASTOPEN set the data may ride on the SYN."""
        asks = held.settings.fast_open_queue and self.profile.fast_open_client
        if asks and remote not in self.fast_open_refused:
            cookie, mss, _ = self.cookies.get(remote, (None, 0, False))
            header = 40 if remote.version == 6 else 20
            room = min(mss or self.mtu, self.mtu - header - 20) - 40
            head = data[:room] if cookie is not None else b""
            result = self._open_active(now, held, remote, port, Connect(head, True, cookie))
            data = data[len(head) :]
        else:
            head = b""
            result = self._open_active(now, held, remote, port, Connect())
        if result.error is not Errno.EINPROGRESS or held.entry is None:
            return result
        rest = self.run(now, held.entry, Send(data)) if data else Result()
        return Result(len(head) + rest.value)

    def receive(self, now: int, socket: Handle, limit: int, *, peek: bool = False) -> Result:
        """Take up to `limit` octets: `data`, and `value` is their count; 0 at the end of data. EAGAIN, ENOTCONN, or its error."""
        held = self._socket(socket)
        if held.entry is None:
            return Result(error=Errno.ENOTCONN)
        return self.run(now, held.entry, Receive(limit, peek))

    def shutdown(self, now: int, socket: Handle, *, read: bool, write: bool) -> Result:
        """Shut one direction or both. ENOTCONN."""
        held = self._socket(socket)
        if held.listener is not None and read:
            listening.stop(self, held, now)
            return Result()
        if held.entry is None:
            return Result(error=Errno.ENOTCONN)
        return self.run(now, held.entry, Shutdown(read, write))

    def close(self, now: int, socket: Handle) -> Result:
        """Let the socket go; the connection goes on by itself as long as TCP says. SO_LINGER 0 aborts.

        With SO_LINGER > 0 the caller may wait for the FIN's ACK: `lingers`.
        """
        held = self._socket(socket)
        held.open = False
        if held.listener is not None:
            listening.stop(self, held, now)
        if held.entry is not None:
            return self.run(now, held.entry, Close())
        return Result()

    def lingers(self, socket: Handle) -> bool:
        """Say whether a close() with SO_LINGER > 0 still waits: data or the FIN is not acknowledged."""
        c = self._socket(socket).connection
        return c is not None and (bool(c.queue) or bool(c.unsent) or not c.write_shut)

    def abort(self, now: int, socket: Handle) -> Result:
        """ABORT as an administrator does it (ss -K, tcpdrop): RST where one is owed, ECONNABORTED to the user."""
        held = self._socket(socket)
        if held.listener is not None:
            listening.stop(self, held, now, Abort())
        if held.entry is None:
            return Result()
        result = self.run(now, held.entry, Abort())
        held.entry.connection.error = Errno.ECONNABORTED
        return result

    def drop(self, now: int, ends: Ends) -> bool:
        """Abort a connection by its four-tuple (tcpdrop); says whether there was one."""
        entry = self.entries.get(ends)
        if entry is None:
            return False
        self.run(now, entry, Abort())
        return True

    def set_option(self, now: int, socket: Handle, option: Option, value: int) -> Result:
        """Set a socket option. EINVAL, ENOPROTOOPT."""
        held = self._socket(socket)
        found = changed(held.settings, self.profile, option, value)
        if isinstance(found, Errno):
            return Result(error=found)
        held.settings = found
        if held.listener is not None:
            held.listener.connection.settings = found
        if held.entry is not None:
            return self.run(now, held.entry, SetOption(option, value))
        return Result()

    def get_option(self, socket: Handle, option: Option) -> Result:
        """Read a socket option: `value`; SO_ERROR: `error`, and it is cleared."""
        held = self._socket(socket)
        c = held.connection
        if option is Option.SO_ERROR:
            error, held.error = held.error, None
            if c is not None and error is None:
                error, c.error = c.error, None
                if error is None and self.profile.buffer_overhead:
                    error, c.soft_error = c.soft_error, None  # Linux sock_error, sk_err_soft
            return Result(error=error)
        if c is None:
            c = held.listener.connection if held.listener else None
        if c is None:
            c = new_connection(self.profile, settings=held.settings, ipv6=held.family == 6)
            return read(held.settings, c, option)
        return read(c.settings, c, option)

    # --- looking ---

    def readiness(self, socket: Handle) -> Readiness:
        """Say what a poll would."""
        return readiness(self._socket(socket))

    def status(self, socket: Handle) -> Status:
        """Say what TCP_INFO would."""
        held = self._socket(socket)
        if held.listener is not None:
            return status_of(held.listener.connection)
        if held.connection is None:
            return Status(State.CLOSED)
        return status_of(held.connection)

    def connection(self, socket: Handle) -> Connection | None:
        """Give the connection of a socket, open or let go, if it has one."""
        return self._socket(socket).connection

    def ends(self, socket: Handle) -> Ends | None:
        """Give the four-tuple of its connection."""
        held = self._socket(socket)
        return held.entry.ends if held.entry else None

    def local_port(self, socket: Handle) -> int | None:
        """Give its local port, if it has one."""
        return self._socket(socket).port or None

    def unread(self, socket: Handle) -> int:
        """SIOCINQ: octets to read, without a FIN."""
        c = self.connection(socket)
        return len(c.received) if c else 0

    def unsent(self, socket: Handle) -> tuple[int, int]:
        """SIOCOUTQ and SIOCOUTQNSD: octets not acknowledged, and of these not sent."""
        c = self.connection(socket)
        if c is None:
            return 0, 0
        return len(c.unsent) + sum(sent.length for sent in c.queue), len(c.unsent)

    def connections(self) -> list[tuple[Ends, Connection]]:
        """Every connection, also those that no user holds, those in TIME-WAIT too."""
        return [(ends, entry.connection) for ends, entry in self.entries.items()]

    # --- the network and time ---

    def arrive(self, now: int, packet: Packet) -> None:
        """Take a packet: a TCP segment or an ICMP error. Others are none of TCP's business and ignored."""
        demux.arrive(self, now, packet)

    def deadline(self) -> int | None:
        """When `tick` has something to do next; None: never."""
        due = [
            at for entry in self.entries.values() if (at := deadline(entry.connection)) is not None
        ]
        return min(due, default=None)

    def tick(self, now: int) -> None:
        """Let all timers that are due at `now` go off. Call it at each deadline, not later, for exact times."""
        for entry in list(self.entries.values()):
            at = deadline(entry.connection)
            if at is not None and at <= now:
                self.run(now, entry, Tick())

    def transmit(self) -> list[Packet]:
        """Take the packets to send, in order. None is left."""
        out, self._out = self._out, []
        return [] if self.device_full else out

    def events(self) -> list[Notice]:
        """Take what happened since the last time."""
        notices, self._notices = self._notices, []
        return notices

    def rules(self) -> list[Rule]:
        """Take the rules that fired since the last time."""
        rules, self._rules = self._rules, []
        return rules

    def edges(self) -> list[int]:
        """Take the rows of the table of edges that were taken since the last time."""
        edges, self._edges = self._edges, []
        return edges

    def waits_to_write(self, socket: Handle, waits: bool) -> None:
        """Say that a user sleeps until it can write: the last ACK of the handshake then waits for the data."""
        c = self.connection(socket)
        if c is not None:
            c.write_pending = waits

    def fill_device(self, full: bool) -> None:
        """Let the local device drop every packet from now on, or no more. TCP learns of it at once, as kernels do."""
        self.device_full = full
        for entry in self.entries.values():
            entry.connection.device_full = full

    def configure(self, profile: Profile) -> None:
        """Change the profile, as a sysctl does: for sockets and connections that exist, too."""
        self.profile = profile
        for entry in self.entries.values():
            entry.connection.profile = profile
        for socket in self.sockets.values():
            if socket.listener is not None:
                socket.listener.connection.profile = profile
            if socket.entry is None and not socket.settings.receive_buffer_set:
                socket.settings = replace(socket.settings, receive_buffer=profile.receive_buffer)
            if socket.entry is None and not socket.settings.send_buffer_set:
                socket.settings = replace(socket.settings, send_buffer=profile.send_buffer)

    # --- for the modules of this part ---

    def run(self, now: int, entry: Entry, given: Input) -> Result:
        """Make a step of a connection and carry out what it says."""
        done = step(entry.connection, now, given)
        entry.connection = done.connection
        self._rules += done.rules
        self._edges += done.edges
        for segment in done.segments:
            self._out.append(demux.packet(self, entry, segment))
        for happening in done.events:
            if entry.socket is not None:
                self._notices.append(Notice(entry.socket, happening))
        demux.follow(self, entry, done)
        return done.result

    def note(self, notice: Notice) -> None:
        """Tell the user something."""
        self._notices.append(notice)

    def put(self, packet: Packet) -> None:
        """Send a packet."""
        self._out.append(packet)

    def count(self, rules: Iterable[Rule], edges: Iterable[int]) -> None:
        """Note what fired outside a connection of ours."""
        self._rules += rules
        self._edges += edges

    def free_port(self) -> int:
        """Choose a local port that nothing uses."""
        used = {socket.port for socket in self.sockets.values()}
        used |= {ends.local_port for ends in self.entries}
        while self._next_port in used:
            self._next_port += 1
        port = self._next_port
        self._next_port = port + 1 if port < LAST_PORT else FIRST_PORT
        return port

    def _socket(self, handle: Handle) -> Socket:
        try:
            return self.sockets[handle]
        except KeyError:
            raise Misuse(f"there is no socket {handle}") from None
