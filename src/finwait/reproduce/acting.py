"""Playing the captured part on a rehearsal: the peer's segments go in, and the application's calls are inferred."""

from collections.abc import Callable
from itertools import islice

from finwait.explain.conversation import ACK, FIN, RST, SYN, Conversation, Segment
from finwait.reproduce.measures import (
    ABORTS,
    ACKED_WITHIN,
    DEFAULT_BUFFER,
    DEFAULT_MSS,
    FIRST_BURST,
    KIND,
    LARGE_BUFFER,
    LONGEST_SYN,
    MOST_UNDER_WAY,
    NOPS,
    ORPHAN_LIVES,
    PROCESS,
    PROMPT,
    SECOND,
    SENT_WITHIN,
    SHORT,
    SIGNS,
    SMALL_BUFFER,
    STAMP,
    WINDOW,
)
from finwait.reproduce.part import HEADER, MOST_OCTETS, Part, sack_edges, shown_ack
from finwait.reproduce.rehearsal import CHILD_FD, CLIENT_FD, SERVER_FD, Rehearsal
from finwait.reproduce.settings import first_of, keep_alive, of_owner, options_known, stamped
from finwait.script.syntax import Field, Integer, Items, Omitted, Or, Struct, Symbol, TcpBody
from finwait.script.syntax import Option as TcpOption
from finwait.script.syntax import Sequence as Numbers
from finwait.script.tcp_options import from_wire, split
from finwait.tcp import Flags
from finwait.verdict.verdict import peer_of

Played = Callable[[int, int], None]
"""Is told how many segments of a connection were rehearsed, and of how many."""


class Acting:
    """One part on one rehearsal."""

    def __init__(self, c: Conversation, part: Part, under_test: str, speed: float, stage: Rehearsal) -> None:  # fmt: skip
        self.c, self.part, self.me, self.peer = c, part, under_test, peer_of(under_test)
        self.speed = speed
        self.stage = stage
        self.stage.fitted = self._fitted
        self.fd = CHILD_FD if under_test == "server" else CLIENT_FD
        self.accepted = self.closed = self.shut = False
        self.written = self.contiguous = self.next = 1
        """The number after the last octet of the application, after those of the peer without a hole, and after all that it sent."""
        self.pieces: list[tuple[int, int]] = []
        """What the peer sent behind a hole."""
        self.waiting = 0
        """Octets that the application has to write as soon as they can leave."""
        self.raised = 1
        """The highest ACK that the peer would have given without losses, where the capture has SACK blocks instead."""
        self.mss, self.heard, self.window, self.edge = DEFAULT_MSS, 1, WINDOW, WINDOW
        """Of the peer: its MSS, what it has acked, its window as the field says it, and to where that goes."""
        self.unread = 0
        self.keeps = DEFAULT_BUFFER
        """Octets that the stack under test keeps unread, whatever segments they came in."""
        self.tosses = self._tosses()
        """The application leaves an octet unread for its last close."""
        self.position = 0
        scales = c.wscale.values()
        # without a scale every window is exact, as that of a RST that shows unread octets has to be
        self.exact = c.row.cause == "unread-data"
        self.scaled = all(shift is not None for shift in scales) and not self.exact
        self.scale_known = all(options_known(c, who) for who in c.wscale)
        self.shift = (c.wscale[self.peer] or 0) if self.scaled else 0
        ttls = {s.step.ttl for s in c.of(self.peer)}
        self.ttl_matters = len(ttls) > 1
        self._kept_alive = self._prompt = False
        self._untold = list(c.of(under_test))
        """Captured segments that no line is said to be like, yet."""

    # --- the whole ---

    def play(self, played: Played) -> Rehearsal:
        """Play everything."""
        self._open()
        syn = first_of(self.c, self.peer, SYN)
        if syn is not None:  # its window is never scaled (RFC 7323 section 2.2)
            self.edge = 1 + self._window(syn)
            self.window = self._window(syn) >> self.shift
        segments = self.part.segments
        at: float | None = self._opened_at()
        for position, s in enumerate(segments):
            self.position = position
            played(position, len(segments))
            if s.who == self.peer and s.index in self.part.lost | self.part.mended:
                continue
            pause = 0 if at is None else self.shortened(max(s.at - at, 0))
            at = s.at if at is None else max(s.at, at)
            if s.who == self.me:
                self._mine(s, pause)
            else:
                self._theirs(s, pause)
        self.stage.pause(ACKED_WITHIN)
        return self.stage

    def shortened(self, pause: float) -> int:
        """Give a pause of the capture as microseconds of the script."""
        whole = round(pause * SECOND)
        return max(SHORT, round(whole / self.speed)) if whole > SHORT else whole

    def _opened_at(self) -> float | None:
        opening = [s for s in self.c.segments if s.flags & SYN and not s.copy]
        return opening[-1].at if opening and not self.part.left_out else None

    # --- the opening ---

    def _open(self) -> None:
        syn = first_of(self.c, self.peer, SYN)
        answered = first_of(self.c, "server", SYN | ACK) is not None
        midstream = self.c.row.handshake == "missing"
        if self.me == "client":
            self._connect(syn, answers=answered or midstream)
        else:
            self._listen(syn, listens=self.c.row.close != "refused")

    def _socket(self, fd: int) -> None:
        arguments = (Omitted(), Symbol("SOCK_STREAM"), Symbol("IPPROTO_TCP"))
        self.stage.call("socket", *arguments, result=fd)

    def _set_buffer(self) -> None:
        """Set the receive buffer where what the stack does depends on it.

        So that a RST shows what nobody reads, the window's edge has to stay where it is: Linux frees what is unread before it
        chooses the window of the RST, and only a buffer that is smaller than what was offered before keeps that at the old edge
        (tcp_select_window). And where much is read, a buffer of the default size, but set, is one that Linux does not let
        grow while it is read (tcp_rcv_space_adjust). A RST that shows no such thing needs a large one, however little is
        read: as segments come in, Linux corrects what share of a buffer payload may take (tcp_measure_rcv_mss), and a
        window as large as the buffer is smaller in the end than it was once; with room to grow, it does not shrink.
        """
        ends = (s.end for s in self.part.segments if s.who == self.peer and s.payload)
        octets = max(ends, default=0) - self.part.dropped[self.peer]
        aborts = self.c.row.cause in ABORTS and self.c.row.reset_by == self.me
        if self.exact or octets > (0 if aborts else MOST_OCTETS):
            self.keeps = LARGE_BUFFER if aborts else DEFAULT_BUFFER
            size = max(SMALL_BUFFER, 2 * octets) if self.exact else self.keeps
            self.stage.option(self.fd, "SOL_SOCKET", "SO_RCVBUF", Items((Integer(size),)))

    def _listen(self, syn: Segment | None, *, listens: bool) -> None:
        if listens:
            self._socket(SERVER_FD)
            one = Items((Integer(1),))
            self.stage.option(SERVER_FD, "SOL_SOCKET", "SO_REUSEADDR", one)
            self.stage.call("bind", Integer(SERVER_FD), Omitted(), Omitted())
            self.stage.call("listen", Integer(SERVER_FD), Integer(8))
        body = TcpBody(Flags.SYN, Numbers(0, 0), window=self._window(syn), options=self._offer(syn))  # fmt: skip
        self.stage.inject(body, self._frame(syn, "the SYN was not captured"), self._ttl(syn))
        answer = first_of(self.c, "server", SYN | ACK)
        if self.c.row.handshake == "missing" or self.part.left_out:
            first = TcpBody(Flags.ACK, Numbers(1, 0), ack=1, window=self._window(None))
            self.stage.inject(first, "the handshake's last ACK")
        elif answer is not None:
            self.stage.pause(0)

    def _connect(self, answer: Segment | None, *, answers: bool) -> None:
        fd = Integer(CLIENT_FD)
        self._socket(CLIENT_FD)
        flags = Or((Symbol("O_RDWR"), Symbol("O_NONBLOCK")))
        self.stage.call("fcntl", fd, Symbol("F_SETFL"), flags)
        self.stage.call("connect", fd, Omitted(), Omitted(), result=-1, errno="EINPROGRESS")
        self.stage.take()
        syns = [one for one in self.c.of("client") if one.flags & SYN and not one.flags & ACK]
        if not answers:
            self._syns(len(syns))
            return
        if answer is not None:
            before = [one for one in syns if one.index < answer.index]
            self._syns(len(before))
            waited = answer.at - before[-1].at if before else 0
            self.stage.pause(min(self.shortened(waited), SHORT))
        body = TcpBody(
            Flags.SYN | Flags.ACK, Numbers(0, 0), ack=1, window=self._window(answer), options=self._offer(answer)
        )  # fmt: skip
        note = self._frame(answer, "the handshake was not captured")
        self.stage.inject(body, note, self._ttl(answer))
        self.accepted = True
        self._set_buffer()

    def _syns(self, count: int) -> None:
        """Wait until so many SYNs were sent."""

        def sent() -> bool:
            return sum(Flags.SYN in body.flags for body in self.stage.sent) >= count

        self.stage.wait(sent, LONGEST_SYN)

    def _offer(self, s: Segment | None) -> tuple[TcpOption, ...]:
        """Give the options of the peer's SYN that both ends agreed on. Timestamps are left out: a script would have to echo each."""
        mss = TcpOption("mss", (1460,))
        if s is None:
            return (mss,)
        given = {o.name: o for o in map(from_wire, split(s.step.header[HEADER:]))}
        kept = [given.get("mss", mss)]
        if stamped(self.c):  # its segments were shorter by the option
            kept = [TcpOption("mss", (kept[0].numbers[0] - STAMP,))]
        self.mss = min(kept[0].numbers[0], DEFAULT_MSS)
        mine = first_of(self.c, self.me, SYN)
        both = mine is None or b"\x04\x02" in mine.step.header[HEADER:]
        sack = "sackOK" in given and both
        if "wscale" in given and self.scaled:
            kept += [TcpOption("sackOK"), *NOPS, TcpOption("nop")] if sack else [TcpOption("nop")]
            kept.append(given["wscale"])
        elif sack:
            kept += [*NOPS, TcpOption("sackOK")]
        return tuple(kept)

    def _ttl(self, s: Segment | None) -> int | None:
        return s.step.ttl if s is not None and self.ttl_matters else None

    def _window(self, s: Segment | None) -> int:
        if s is not None and s.flags & RST and not s.flags & ACK:
            return s.step.window
        if s is None or self._older(s):
            return WINDOW
        if not self.exact:
            return s.step.window if self.scale_known or not s.step.window else WINDOW
        window = min(s.window or s.step.window, WINDOW)
        if s.flags & RST:  # no more can be unread than was played
            window = max(window, self.stage.offered - (self.written - 1))
        return window

    def _older(self, s: Segment) -> bool:
        """Tell whether it acks less than was left out: then its window is none of what is played."""
        return not s.flags & SYN and s.ack <= self.part.dropped[self.me]

    # --- segments of the peer ---

    def _theirs(self, s: Segment, pause: int) -> None:
        self._accept()
        stage, base = self.stage, self.part.dropped
        ack = self._acks(s) if s.flags & ACK else None
        if ack is not None:
            self._say_what_was_not_captured(ack)
            self._carry(ack)
        if ack is not None and not s.flags & RST:
            stage.wait(lambda: stage.sent_to >= ack, SENT_WITHIN)
        stage.pause(pause)
        beyond = s.end - base[self.peer] > stage.edge and "window-probe" not in s.labels
        if s.payload and (beyond or self._had_read(s)):
            self._read()  # the peer sent it, so there was room: what came before had been read
        reset_nobody = s.has(RST | ACK) and s.step.seq == 0
        start = 0 if reset_nobody else s.seq - base[self.peer]
        before = s.payload - 1 if self._answered_by_fin(s) else 0
        if before:
            first = TcpBody(Flags.ACK, Numbers(start, before), ack=ack, window=self._window(s), options=())  # fmt: skip
            stage.inject(first, f"{self._frame(s)}, all but its last octet", self._ttl(s))
            stage.wait(lambda: stage.acked_to >= start + before, ACKED_WITHIN)
        body = TcpBody(
            Flags(s.flags) & SIGNS, Numbers(start + before, s.payload - before), ack=ack, window=self._window(s), options=self._sack(s)
        )  # fmt: skip
        stage.inject(body, self._frame(s), self._ttl(s))
        if ack is not None and not s.flags & RST:
            self.heard = max(self.heard, ack)
            self.window, self.edge = body.window or 0, ack + self._opens(s)
            self._pump()
        self.next = max(self.next, s.end - base[self.peer])
        if s.payload:
            self._heard_payload(s.seq - base[self.peer], s.end - base[self.peer] - bool(s.flags & FIN))  # fmt: skip
        self._accept()

    def _say_what_was_not_captured(self, ack: int) -> None:
        """Write what the peer acks and the capture lacks: more of it was captured, so it was payload."""
        base = self.part.dropped[self.me]
        lacks = 0 < ack - self.written <= MOST_OCTETS and self.accepted and not self.shut
        if lacks and any(s.seq >= ack + base for s in self.c.of(self.me)):
            self._read()
            self._write(ack - self.written)

    def _hear_what_was_not_captured(self, ack: int) -> None:
        """Inject what the stack under test acks and the capture lacks."""
        base = self.part.dropped[self.peer]
        start = self.contiguous
        ends = [s for s in self.c.of(self.peer) if s.payload and s.end > start + base]
        end = min([ack, *(s.seq - base for s in ends)])
        if not 0 < end - start <= MOST_OCTETS or not any(
            s.seq >= end + base for s in self.c.of(self.peer)
        ):
            return
        body = TcpBody(Flags.ACK, Numbers(start, end - start), ack=self.heard, window=self.window, options=())  # fmt: skip
        self.stage.inject(body, "not in the capture, but acked")
        self._heard_payload(start, end)

    def _heard_payload(self, start: int, end: int) -> None:
        """Take payload of the peer: what follows without a hole can be read."""
        self.pieces.append((start, end))
        for first, last in sorted(self.pieces):
            if first <= self.contiguous < last:
                self.unread += last - self.contiguous
                self.contiguous = last
        self.pieces = [piece for piece in self.pieces if piece[1] > self.contiguous]

    def _had_read(self, s: Segment) -> bool:
        """Tell whether more would lie unread than a kernel surely keeps, and the capture shows that it did not.

        A buffer also pays for what a segment takes beside its payload (skb->truesize), so it may be full before the window is.
        """
        if self.exact or self.unread + s.payload <= self.keeps:
            return False
        windows = [one.window for one in self.c.of(self.me) if one.index < s.index and not one.flags & (SYN | RST)]  # fmt: skip
        return bool(windows) and 2 * windows[-1] >= max(windows)

    def _answered_by_fin(self, s: Segment) -> bool:
        """Tell whether a FIN carries more than a segment of the script, and the end under test acked it with its own FIN only.

        A stack acks more than one segment at once (RFC 9293 section 3.8.6.3), and then its FIN would come too late for that.
        """
        if not s.flags & FIN or s.payload <= self.mss:
            return False
        later = self.part.segments[self.position + 1 :]
        answers = (one for one in later if one.who == self.me and one.ack >= s.end)
        return any(one.flags & FIN for one in islice(answers, 1))

    def _acks(self, s: Segment) -> int:
        """Give its ACK, as if nothing had been lost that arrived in the end."""
        base = self.part.dropped[self.me]
        shown = max(shown_ack(s, self.part.acked) - base, 1)
        if shown > s.ack - base and not s.flags & RST:
            self.raised = max(self.raised, shown)
        return max(shown, self.raised)

    def _sack(self, s: Segment) -> tuple[TcpOption, ...]:
        """Give its SACK blocks in the script's numbers."""
        base = self.part.dropped[self.me]
        edges = tuple(edge - base for edge in sack_edges(s))
        if not edges or self._whole(s) or any(edge < 0 for edge in edges):
            return ()
        return (*NOPS, TcpOption("sack", edges))

    def _accept(self) -> None:
        if self.me == "client" or self.accepted or not self.stage.connected:
            return
        self.accepted = True
        if self.c.row.cause != "listener-gone":
            self.stage.call("accept", Integer(SERVER_FD), Omitted(), Omitted(), result=CHILD_FD)
            self._set_buffer()
        if any("keep-alive" in s.labels for s in self.c.of(self.me)):
            self._keep_alive()

    # --- segments of the stack under test ---

    def _mine(self, s: Segment, pause: int) -> None:
        base = self.part.dropped[self.me]
        self._accept()
        if s.flags & RST:
            self._reset(s, pause)
            return
        end = s.end - base
        ack = s.ack - self.part.dropped[self.peer]
        if "keep-alive" in s.labels and self.accepted and self.me == "client":
            self._keep_alive()
        if ack > self.contiguous + 1:  # a FIN takes a number, too
            self._hear_what_was_not_captured(ack)
        fresh = end > self.written and s.span
        if fresh:
            promptly = ack > self.stage.acked_to
            self.stage.pause(
                max(min(pause, PROMPT) if promptly else pause, self.stage.heard(PROCESS))
            )
            self._speak(s)
            self._sent(end)
        elif s.span and s.earlier is None:
            self._sent(end)
        elif (s.span or "keep-alive" in s.labels) and s.index not in self.part.mended:
            self._again(s, pause)
        elif ack > self.stage.acked_to:
            self.stage.wait(lambda: self.stage.acked_to >= ack, ACKED_WITHIN)

    def _sent(self, to: int) -> None:
        """Wait until all before this number was sent, unless the rest has to wait for an ACK that was not captured."""
        self._carry(to)
        if not self.waiting:
            self.stage.wait(lambda: self.stage.sent_to >= to, SENT_WITHIN)

    def _again(self, s: Segment, pause: int) -> None:
        """Wait until the stack sends something again by itself."""
        seq = s.seq - self.part.dropped[self.me]
        count = len(self.stage.sent)

        def repeated() -> bool:
            return any(body.seq.start <= max(seq, 0) for body in self.stage.sent[count:])

        real = round(max(self._since_before(s), pause / SECOND) * SECOND)
        self.stage.wait(repeated, 2 * real + SECOND)

    def _since_before(self, s: Segment) -> float:
        return s.at - self.c.segments[s.index - 1].at if s.index else 0.0

    def _speak(self, s: Segment) -> None:
        """Write what it carries, and what follows it without a word of the peer; close if it is a FIN."""
        base, end, last = self.part.dropped[self.me], s.end - bool(s.flags & FIN), s
        for after in self.part.segments[self.position + 1 :]:
            if after.who != self.me or after.flags & RST or last.flags & FIN:
                break
            last = after
            end = max(end, after.end - bool(after.flags & FIN))
        self._read()
        if end - base > self.written:
            self._write(end - base - self.written)
        if s.flags & FIN:
            self._carry(end - base)
            self._flush()
            self._finish(s)
            self.written += 1

    # --- what the application writes ---

    def _write(self, count: int) -> None:
        """Write so many octets more: at once what can leave at once, and the rest as the peer acks."""
        self.written += count
        self.waiting += count
        idle = self.stage.sent_to <= self.heard
        room = (self.edge - self.heard) // 2  # of more, a kernel pushes a part (forced_push)
        burst = min(FIRST_BURST * self.mss, room) if self.stage.joins else self.mss
        if idle and self.waiting == count <= burst:
            self._flush()
            return
        if not self.stage.joins:
            # nplab's packetdrill takes a segment as the device does: cut or uncut
            self._no_delay()
        self._pump()

    def _no_delay(self) -> None:
        """Let a small segment follow others that are not acked (RFC 9293 section 3.7.4), though it is a write of its own."""
        if not self._prompt:
            self._prompt = True
            self.stage.option(self.fd, "SOL_TCP", "TCP_NODELAY", Items((Integer(1),)))

    def _pump(self) -> None:
        """Write segment by segment, until one cannot leave.

        Where a kernel cuts what waits in its queue, and which segment it pushes, depends on its clock (TSO deferral, pacing): a
        write of one segment is sent as it is. No more is under way than a kernel's send buffer takes at first.
        """
        while self.waiting and not self.closed:
            if self.stage.sent_to - self.heard >= MOST_UNDER_WAY * self.mss:
                break
            room = self.edge - self.stage.sent_to
            count = min(self.waiting, self.mss, room if room > 0 else self.mss)
            before = self.stage.sent_to
            self._call_write(count)
            if self.stage.sent_to == before:
                break

    def _carry(self, to: int) -> None:
        """Ack what was sent as long as no more may leave, until all before `to` did.

        What was captured in pieces of 64 KB (offload), or after the window had opened in a part that was left out, is more
        than a new connection has under way (RFC 6928); whoever waited for it would see its retransmission timer.
        """
        to = min(to, self.part.arrived - self.part.dropped[self.me])
        while self.waiting and self.heard < (sent := self.stage.sent_to) < min(to, self.edge):
            self.stage.pause(PROCESS)
            body = TcpBody(Flags.ACK, Numbers(self.next, 0), ack=sent, window=self.window, options=())  # fmt: skip
            self.stage.inject(body, "not in the capture: room for more")
            self.heard = sent
            self.edge = max(self.edge, sent + self._scaled(self.window))
            self._pump()

    def _flush(self) -> None:
        """Write what is left."""
        if self.waiting and not self.closed:
            self._call_write(self.waiting)

    def _call_write(self, count: int) -> None:
        self.waiting -= count
        self.stage.call("write", Integer(self.fd), Omitted(), Integer(count), result=count)

    def _opens(self, s: Segment) -> int:
        """Give the octets of the window that a segment injected with its field offers in the script."""
        return self._scaled(self._window(s))

    def _scaled(self, field: int) -> int:
        return field << self.shift

    def _whole(self, s: Segment) -> bool:
        """Tell whether the losses that its SACK blocks tell of were made good, so that they are not shown again."""
        sent = max((one.end for one in self.c.segments[: s.index] if one.who == self.me), default=0)
        return any(one.flags & ACK and one.ack >= sent for one in self.c.of(self.peer))

    def _read(self) -> None:
        count = self.unread - self.tosses
        if count > 0 and not self.closed:
            self.stage.call("read", Integer(self.fd), Omitted(), Integer(count), result=None)
            self.unread -= count

    def _finish(self, s: Segment) -> None:
        """Close, or only shut down where the capture shows that the socket lived on."""
        fd = Integer(self.fd)
        if self._lives_on(s):
            self.shut = True
            self.stage.call("shutdown", fd, Symbol("SHUT_WR"))
            return
        self.closed = True
        self.stage.call("close", fd)

    def _lives_on(self, fin: Segment) -> bool:
        """Tell whether the end that sent this FIN still took payload, waited longer than an orphan can, or aborted."""
        later = self.c.segments[fin.index + 1 :]
        for s in later:
            if s.who == self.me and s.flags & RST:
                return "rst-reply" not in s.labels and self.c.row.reset_form == "owner"
            if s.who == self.peer and s.payload and s.end > fin.ack and s.acked_by is not None:
                return True
            if s.who == self.peer and s.flags & FIN and s.at - fin.at > ORPHAN_LIVES:
                return True
        return False

    # --- resets of the stack under test ---

    def _reset(self, s: Segment, pause: int) -> None:
        sent = self.stage.sent
        known = sum(Flags.RST in body.flags for body in sent)
        played = sum(
            bool(one.flags & RST and one.who == self.me)
            for one in self.part.segments[: self.position + 1]
        )
        if of_owner(s) and not self.closed:
            self._abort(s, pause)
        self.stage.wait(
            lambda: sum(Flags.RST in body.flags for body in sent) >= max(played, known), SENT_WITHIN
        )

    def _tosses(self) -> bool:
        """Tell whether the end under test aborted after both FINs: in CLOSING and LAST-ACK, SO_LINGER 0 sends no RST.

        Only octets that nobody has read make Linux send one there (__tcp_close, tcp_disconnect).
        """
        fin = {s.who: s for s in self.part.segments if s.flags & FIN}
        mine, theirs = fin.get(self.me), fin.get(self.peer)
        return mine is not None and theirs is not None and any(
            of_owner(s) and s.index > mine.index and s.ack >= theirs.end for s in self.c.of(self.me)
        )  # fmt: skip

    def _abort(self, s: Segment, pause: int) -> None:
        if self.c.row.cause == "keepalive-timeout":
            real = round(self._since_before(s) * SECOND)
            self.stage.wait(lambda: any(Flags.RST in b.flags for b in self.stage.sent), 2 * real + SENT_WITHIN)  # fmt: skip
            return
        self.stage.pause(max(pause, self.stage.heard(PROCESS)))
        if self.c.row.cause == "listener-gone":
            self.closed = True
            self.stage.call("close", Integer(SERVER_FD), note="nobody has accepted the connection")
            return
        queued = s.seq - self.part.dropped[self.me] - self.written
        if queued > 0 and not self.shut:
            self._write(queued)
        self._flush()
        if self.unread and (self.tosses or self.c.row.cause == "unread-data"):
            self.closed = True
            self.stage.call("close", Integer(self.fd), note="with octets that nobody has read")
            return
        self._read()
        self.closed = True
        if self.c.row.cause == "fin-wait-2-aborted" and self.heard >= self.written:
            self.stage.option(self.fd, "SOL_TCP", "TCP_LINGER2", Items((Integer(-1),)))
            self.stage.call("close", Integer(self.fd), note="in FIN-WAIT-2")
            return
        zero = Struct((Field("onoff", Integer(1)), Field("linger", Integer(0))))
        self.stage.option(self.fd, "SOL_SOCKET", "SO_LINGER", zero, size=8)
        self.stage.call("close", Integer(self.fd))

    def _keep_alive(self) -> None:
        """Set the keep-alive timers to what the probes show."""
        settings = keep_alive(self.c, self.me)
        if self._kept_alive or not settings:
            return
        self._kept_alive = True
        for name, value in settings.items():
            self.stage.option(self.fd, "SOL_TCP", name, Items((Integer(value),)))
        self.stage.option(self.fd, "SOL_SOCKET", "SO_KEEPALIVE", Items((Integer(1),)))

    # --- comments ---

    @staticmethod
    def _frame(s: Segment | None, otherwise: str = "") -> str:
        return otherwise if s is None else f"frame {s.number}"

    def _fitted(self, body: TcpBody) -> str:
        """Find the captured segment that one of the stack's is like."""
        base = self.part.dropped[self.me]
        start, end = body.seq.start + base, body.seq.start + body.seq.length + base
        kind = int(body.flags) & KIND
        for at, s in enumerate(self._untold):
            if s.flags & KIND != kind:
                continue
            if s.flags & SYN or (s.seq <= start and s.end - bool(s.flags & FIN) >= end):
                if not s.payload and body.ack is not None and s.ack - self.part.dropped[self.peer] != body.ack:  # fmt: skip
                    continue
                del self._untold[at]
                return f"frame {s.number}"
        return "not in the capture"
