"""The story of a connection, point by point: what happened, and why each number is what it is.

Nothing here is in a language: an `Item` holds keys and facts, and `Item.text` says it.
"""

from finwait.explain import closing, opening, resets, transfer
from finwait.explain.conversation import ACK, FIN, RST, SYN, Conversation, Segment
from finwait.explain.item import Facts, Item, Part, part
from finwait.verdict.verdict import one_way, peer_of

LIMIT = 2
"""How often one thing is told in full; further ones are counted."""
IDLE = 0.5
"""Seconds without payload before the close that are worth saying."""
LABEL_OF = {
    "again": "retransmission",
    "again-many": "retransmission",
    "again-acked": "retransmission",
    "again-cut": "retransmission",
    "gap": "gap",
    "out-of-order": "out-of-order",
    "acks-unseen": "acks-unseen",
    "keep-alive": "keep-alive",
    "keep-alive-many": "keep-alive",
    "zero-window": "zero-window",
    "window-probe": "window-probe",
    "window-open": "window-update",
    "bad-checksum": "bad-checksum",
    "half-close": "late-data",
    "crossed-data": "late-data",
    "stale-data": "late-data",
    "after-fin": "after-fin",
    "after-close": "after-close",
    "after-close-again": "after-close",
    "challenge-ack": "challenge-ack",
    "rst-ignored": "rst-ignored",
    "syn-inside": "syn",
    "fin-reacked": "acks-fin",
    "fin-missed": "duplicate-ack",
    "old-ack": "old-ack",
    "rst-to-old": "rst-ignored",
}
"""What is counted after `LIMIT`, and the label that names it then."""
FOLLOWERS = {
    "after-close-answered",
    "again-arrived",
    "waits-grow",
    "waits-grow-after-probe",
    "keep-alive-answered",
    "keep-alive-silent",
    "rst-to-old-in-vain",
    "rst-to-old-last",
    "rst-to-old-ends",
}
"""Sentences that only make sense after the one before."""


def tell(c: Conversation) -> list[Item]:
    """Tell a connection."""
    return _Teller(c).tell()


class _Teller:
    def __init__(self, c: Conversation) -> None:
        self.c = c
        self.items: list[Item] = opening.prologue(c)
        self.told: dict[str, int] = {}
        self.more: dict[str, tuple[int, list[int]]] = {}
        """What was not told in full: where it belongs, and its frames."""
        self.summed_up = False
        self.handshake_told = False
        self.answered = {
            (s.who, s.step.seq): s.index
            for s in c.segments
            if s.flags & RST and not s.flags & ACK and "rst-reply" in s.labels
        }
        """Index of the last RST of REPLY form by its sender and the number it borrowed."""

    def tell(self) -> list[Item]:
        c = self.c
        gap = len(c.segments) // 2 if c.truncated else None
        for s in c.segments:
            if s.number == c.row.close_frame and not s.copy:
                self._sum_up()
            parts = self._limited(self._parts(s), s)
            if parts or s.moves:
                self._add(s, parts)
            if s.index == gap:
                self.items.append(Item((), (part("truncated", n=c.truncated),)))
        self._sum_up()
        self._flush()
        copies = sum("duplicate" in s.labels for s in c.segments)
        if copies:
            self.items.append(Item((), (part("copies", n=copies),)))
        self.items += closing.epilogue(c)
        return self.items

    def _add(self, s: Segment, parts: list[Part]) -> None:
        if parts:
            frames = [s.number]
            for p in parts:
                more = p.facts.get("frames")
                frames += [int(f) for f in more] if isinstance(more, tuple) else []
            self.items.append(Item(tuple(dict.fromkeys(frames)), tuple(parts), s.moves))

    def _parts(self, s: Segment) -> list[Part]:
        if "duplicate" in s.labels:
            return []
        if "bad-checksum" in s.labels:
            return [part("bad-checksum", frame=s.number)]
        if s.flags & RST:
            return resets.reset(self.c, s)
        if s.flags & SYN:
            return opening.syn(self.c, s)
        if "old-ack" in s.labels:
            return [part("old-ack", frame=s.number, who=s.who)]
        return [
            *self._handshake(s),
            *self._payload(s),
            *(closing.fin(self.c, s) if s.flags & FIN else []),
            *closing.ack_of_fin(self.c, s),
            *self._challenge(s),
        ]

    def _handshake(self, s: Segment) -> list[Part]:
        if "handshake-ack" not in s.labels or self.handshake_told:
            return []
        self.handshake_told = True
        return opening.handshake_ack(self.c, s)

    def _payload(self, s: Segment) -> list[Part]:
        parts = transfer.unusual(self.c, s)
        if not s.payload or (parts and {"keep-alive", "window-probe"} & s.labels):
            return parts
        if "after-close" in s.labels:
            return [*parts, *transfer.after_close(self.c, s)]
        if s.earlier is not None and not s.flags & FIN and "out-of-order" not in s.labels:
            return parts + transfer.again(self.c, s)
        return parts + (self._late(s) or transfer.first_words(self.c, s))

    def _late(self, s: Segment) -> list[Part]:
        """Tell payload after a FIN of either end."""
        c = self.c
        own, other = c.fins[s.who], c.fins[peer_of(s.who)]
        if own is not None and own.first.index < s.index and s.seq > own.number:
            fin = c.shown(s.who, own.number)
            return [part("after-fin", frame=s.number, who=s.who, fin=fin)]
        if other is None or other.first.index > s.index:
            return []
        facts: Facts = {"frame": s.number, "payload_bytes": s.payload, "who": s.who}
        if s.ack <= other.number:
            ack, need = c.shown(other.who, s.ack), c.shown(other.who, other.number + 1)
            return [Part("crossed-data", facts | {"ack": ack, "need": need})]
        acked = other.acked_by
        if self._met_nobody(s) and acked is not None and acked.index < s.index:
            return [Part("stale-data", facts | {"after_s": s.at - acked.at})]
        return [Part("half-close", facts)]

    def _met_nobody(self, s: Segment) -> bool:
        """Tell whether payload drew a RST, itself or together with what was sent beside it."""
        return self.answered.get((peer_of(s.who), s.step.ack), -1) > s.index

    def _challenge(self, s: Segment) -> list[Part]:
        if "challenge-ack" not in s.labels:
            return []
        c = self.c
        numbers: Facts = {"seq": c.shown(s.who, s.seq), "ack": c.shown(peer_of(s.who), s.ack)}
        return [part("challenge-ack", frame=s.number, who=s.who, **numbers)]

    def _limited(self, parts: list[Part], s: Segment) -> list[Part]:
        """Keep the first few of each kind and count the rest."""
        kept: list[Part] = []
        dropped = False
        for p in parts:
            label = LABEL_OF.get(p.key)
            if label is None:
                if not (dropped and p.key in FOLLOWERS):
                    kept.append(p)
                continue
            self.told[p.key] = self.told.get(p.key, 0) + 1
            dropped = self.told[p.key] > LIMIT
            if dropped:
                self.more.setdefault(label, (len(self.items), []))[1].append(s.number)
            else:
                kept.append(p)
        return kept

    def _flush(self) -> None:
        """Put what was only counted where the first of it would have been told."""
        last_first = sorted(self.more.items(), key=lambda more: -more[1][0])
        for label, (place, frames) in last_first:
            facts: Facts = {"what": label, "times": len(frames), "frames": tuple(frames)}
            self.items.insert(place, Item(tuple(frames), (Part("more", facts),)))
        self.more.clear()

    def _sum_up(self) -> None:
        """Say what was sent and how long it was quiet, before the close is told."""
        if self.summed_up:
            return
        self.summed_up = True
        self._flush()
        row = self.c.row
        if one_way(row):
            self.items.append(Item((), tuple(transfer.one_way(self.c))))
        elif row.client_bytes or row.server_bytes:
            sent: Facts = {"client_bytes": row.client_bytes, "server_bytes": row.server_bytes}
            self.items.append(Item((), (part("payload", who="client", peer="server", **sent),)))
        elif row.handshake == "complete" or (row.finished and row.close != "refused"):
            self.items.append(Item((), (part("no-payload"),)))
        if row.idle_before_close is not None and row.idle_before_close >= IDLE:
            self.items.append(Item((), (part("idle", idle_s=row.idle_before_close),)))
