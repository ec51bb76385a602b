//! Every word the core can say. Sentences for them live in the Python catalogue (`finwait/verdict/`),
//! and a test fails when one of these has no entry there.

macro_rules! slugs {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $slug:literal, $doc:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $(#[doc = $doc] $variant,)* }

        impl $name {
            /// All of them, in order of their discriminants.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word itself.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $($name::$variant => $slug,)* }
            }

            /// The one with this discriminant, if there is one.
            #[must_use]
            pub fn from_index(index: u8) -> Option<$name> {
                $name::ALL.get(usize::from(index)).copied()
            }
        }
    };
}

slugs! {
    /// How a connection closed.
    Close {
        FourWay = "four-way", "Both FINs; the first segment to ack the first FIN carries no FIN.";
        ThreeWay = "three-way", "Both FINs; the first segment to ack the first FIN is the other side's FIN.";
        Simultaneous = "simultaneous", "Both FINs; neither FIN segment acks the other's FIN.";
        Reset = "reset", "An acceptable RST ended it before both FINs were acked.";
        HalfClosed = "half-closed", "One FIN, acked; the other direction still open.";
        FinUnanswered = "fin-unanswered", "A FIN that was never acked.";
        Vanished = "vanished", "Data repeated with growing gaps, then silence.";
        Refused = "refused", "SYN answered by RST.";
        Unanswered = "unanswered", "SYN answered by nothing.";
        HandshakeReset = "handshake-reset", "RST between SYN-ACK and the end of the handshake.";
        Open = "open", "None of these when the capture ends.";
    }
}

slugs! {
    /// Whose FIN or RST took effect first.
    ClosedBy {
        Client = "client", "The end that sent the first SYN.";
        Server = "server", "The end that answered it.";
        Both = "both", "Both at once.";
        None = "none", "Nobody.";
    }
}

slugs! {
    /// How much of the handshake the capture holds.
    Handshake {
        Complete = "complete", "SYN, SYN-ACK and the ACK of it.";
        Partial = "partial", "Some of the three.";
        Missing = "missing", "None: the capture begins in the middle.";
    }
}

slugs! {
    /// How sure a cause is. Never surer than the wire allows.
    Confidence {
        Certain = "certain", "The segments leave no other reading.";
        Likely = "likely", "The evidence for outweighs the evidence against.";
        Possible = "possible", "One reading among others.";
    }
}

slugs! {
    /// The form of a RST, which on Linux tells an abort from an answer.
    ResetForm {
        Owner = "owner", "RST+ACK with the sender's own numbers: a living socket was aborted.";
        Reply = "reply", "RST without ACK, or RST+ACK with seq 0: the stack's answer to a segment.";
        Unclear = "unclear", "Neither form fits (another system, a middlebox, or a cut capture).";
    }
}

slugs! {
    /// How the client was told from the server.
    ClientBy {
        Syn = "syn", "It sent the first SYN.";
        SynAck = "syn-ack", "The other end sent a SYN-ACK.";
        Port = "port", "No handshake seen: the other end has the lower, well-known port.";
        First = "first", "No handshake seen and no telling port: it sent the first segment captured.";
    }
}

slugs! {
    /// Why a connection ended. `D1` to `D12` are the rules of the diagnosis.
    Cause {
        Orderly = "orderly", "Both applications closed; nothing stands out.";
        KeepaliveRaceCrossed = "keepalive-race-crossed", "D1: an idle connection was closed while the other side's next request was on its way.";
        KeepaliveRaceStale = "keepalive-race-stale", "D1: the other side reused a pooled connection whose FIN it had already acked.";
        DataAfterClose = "data-after-close", "One side closed both directions; the other kept sending and was reset.";
        UnreadData = "unread-data", "D2: a socket was closed with received bytes unread.";
        Abort = "abort", "D2 or D3: a living socket was aborted; the wire cannot tell unread data from SO_LINGER 0 or a kill.";
        DeliberateAbort = "deliberate-abort", "D3: this peer ends its connections by RST as a habit (SO_LINGER 0, health checks, drivers).";
        ListenerGone = "listener-gone", "D4: the listener or its process went away; connections not yet served were reset together.";
        MiddleboxIdleTimeout = "middlebox-idle-timeout", "D5: a device in between forgot the idle connection.";
        InjectedReset = "injected-reset", "D6: the RST was not sent by the end it names.";
        CloseWaitLeak = "close-wait-leak", "D8: a FIN was acked and the application never closed its side.";
        FinWait2Expired = "fin-wait-2-expired", "D9: the first closer gave up waiting for the other FIN; what came later met no socket.";
        FinWait2Aborted = "fin-wait-2-aborted", "D9: the first closer aborted before the other FIN came (unread data, SO_LINGER 0, TCP_LINGER2, timeout or kill).";
        FinNeverAcked = "fin-never-acked", "D9: the FIN was repeated and nobody acked it.";
        AbortInCloseWait = "abort-in-close-wait", "The side that had received a FIN ended by RST instead of its own FIN.";
        TimeWaitReuseRefused = "time-wait-reuse-refused", "D10: a SYN met the old connection's TIME-WAIT, got its old numbers back and was reset.";
        HalfCloseBroken = "half-close-broken", "D11: a half-close was answered by an immediate full close without a reply: a proxy in between.";
        TlsTruncated = "tls-truncated", "D12: TLS ended by FIN or RST without close_notify.";
        KeepaliveTimeout = "keepalive-timeout", "Keep-alive probes went unanswered and the socket was aborted.";
        PeerSilent = "peer-silent", "Data was repeated and nothing came back.";
        GaveUp = "gave-up", "Data was repeated without an answer and its sender gave up: it ended by RST, or its stack answered what came later so.";
        PeerLostState = "peer-lost-state", "A segment was answered by RST, and nothing shows that its sender had closed before: it had restarted or forgotten.";
        PortClosed = "port-closed", "A RST answered the SYN: nothing listens there, or a firewall says so.";
        NoAnswer = "no-answer", "The SYN was repeated and nothing came back: filtered, down, or a full accept queue.";
        HandshakeAbandoned = "handshake-abandoned", "The client answered the SYN-ACK by RST: a scan, or a caller that had given up.";
        HandshakeRejected = "handshake-rejected", "The server reset the connection before the handshake was complete, or answered the ACK that completes it by RST.";
        PortReused = "port-reused", "A new SYN took the tuple while the old connection was still open.";
        StrayReset = "stray-reset", "A lone RST without its connection: backscatter, or a capture begun too late.";
        StraySegments = "stray-segments", "Segments without a connection: a scan, or the tail of one that ended before the capture.";
        CaptureEnded = "capture-ended", "The capture ended first.";
        Unknown = "unknown", "The wire does not say.";
    }
}

slugs! {
    /// What is worth a person's eye beside the cause. At most 64: they are bits of a `u64`.
    Note {
        RstOwner = "rst-owner", "The RST that counted had OWNER form.";
        RstReply = "rst-reply", "The RST that counted had REPLY form.";
        RstIgnored = "rst-ignored", "A RST out of window, which ends nothing.";
        RstChallenged = "rst-challenged", "A RST in window but not exact, answered by a challenge ACK (RFC 5961).";
        RstInexact = "rst-inexact", "The RST that counted was in window but not exact.";
        RstAfterClose = "rst-after-close", "A RST after both FINs were acked.";
        RstRepeated = "rst-repeated", "More than one RST from the side that reset.";
        RstBothSides = "rst-both-sides", "RSTs from both ends.";
        RstWithData = "rst-with-data", "A RST carries payload (a diagnostic text).";
        ChallengeAck = "challenge-ack", "A challenge ACK.";
        SynInConnection = "syn-in-connection", "A SYN inside a living connection.";
        FinRetransmitted = "fin-retransmitted", "A FIN was sent again.";
        FinWithData = "fin-with-data", "A FIN carries payload.";
        FinOutOfOrder = "fin-out-of-order", "A FIN arrived before data that precedes it.";
        FinAfterZeroWindow = "fin-after-zero-window", "A FIN had to wait for a zero window.";
        FinAckLost = "fin-ack-lost", "A FIN was repeated although its ACK was captured: that ACK was lost or late.";
        FinalAckMissing = "final-ack-missing", "The last FIN was never acked.";
        HalfCloseUsed = "half-close-used", "Payload was sent after the other side's FIN was acked.";
        DataAfterFin = "data-after-fin", "A side sent payload beyond its own FIN.";
        DataDestroyed = "data-destroyed", "Payload was unacked when the RST came.";
        SynRetransmitted = "syn-retransmitted", "A SYN or SYN-ACK was sent again.";
        DataWithSyn = "data-with-syn", "A SYN carries payload (TCP Fast Open).";
        SimultaneousOpen = "simultaneous-open", "Both ends sent a bare SYN.";
        Retransmission = "retransmission", "Payload was sent again.";
        SpuriousRetransmission = "spurious-retransmission", "Payload that was already acked was sent again.";
        Reordering = "reordering", "Payload was captured out of order.";
        Overlap = "overlap", "A retransmission was cut differently from the first sending.";
        KeepAlive = "keep-alive", "Keep-alive probes.";
        ZeroWindow = "zero-window", "A zero window.";
        ZeroWindowProbe = "zero-window-probe", "Zero-window probes.";
        CaptureDuplicate = "capture-duplicate", "The same packet was captured more than once.";
        CaptureGap = "capture-gap", "Bytes were acked that the capture does not hold.";
        OneDirection = "one-direction", "Only one direction was captured.";
        Midstream = "midstream", "The capture begins inside the connection.";
        CloserUnseen = "closer-unseen", "A FIN that was not captured may have come first: who closed is not said.";
        BadChecksum = "bad-checksum", "Segments whose checksum is wrong; the receiver drops them.";
        OffloadedChecksum = "offloaded-checksum", "Checksums left to the card; nothing wrong.";
        Offload = "segmentation-offload", "IP length 0: captured before segmentation.";
        Fragmented = "fragmented", "IP fragments were put together.";
        Tls = "tls", "The payload is TLS.";
        TlsNoCloseNotify = "tls-no-close-notify", "A FIN without a TLS alert before it.";
        Http = "http", "The payload is HTTP/1.";
        UnansweredRequest = "unanswered-request", "Payload of one side had no answer when the connection ended.";
        TupleReused = "tuple-reused", "The tuple had an earlier connection in this capture.";
        TimeWaitReuse = "time-wait-reuse", "Opened less than a minute after the tuple's last connection closed: TIME-WAIT was reused.";
        TimeWaitRefused = "time-wait-refused", "A SYN in TIME-WAIT was answered by an ACK with old numbers.";
        TimeWaitAssassinated = "time-wait-assassinated", "A RST in TIME-WAIT (RFC 1337).";
        LateSegment = "late-segment", "Payload after the connection was closed.";
        TimeBackwards = "time-backwards", "Captured out of order in time.";
        ScopesDiffer = "scopes-differ", "The two directions were in different VLANs or tunnels; their numbers joined them.";
        Evicted = "evicted", "Told early: the connection limit was reached.";
        TtlVaries = "ttl-varies", "One side's TTL or hop limit varied.";
        Urgent = "urgent", "Urgent data.";
        PeerStillSending = "peer-still-sending", "The other side was still sending when the FIN or RST came.";
        ServerHabit = "server-habit", "Most connections of this server end this way.";
        ResetBurst = "reset-burst", "Other connections of the same server were reset at the same moment.";
        IdleConstant = "idle-constant", "The same idle time precedes the close in many connections of this server.";
    }
}

slugs! {
    /// What speaks for or against a cause; most carry a number.
    Evidence {
        OwnerForm = "owner-form", "The RST has OWNER form.";
        ReplyForm = "reply-form", "The RST has REPLY form; the number is the frame that drew it (0 if not captured).";
        SeqExact = "seq-exact", "RST.SEQ is exactly what the receiver expected.";
        SeqOff = "seq-off", "RST.SEQ differs from the sender's SND.NXT by this many.";
        IdleGap = "idle-gap-ns", "Nanoseconds from the last payload to the close.";
        IdleBeforeRequest = "idle-before-request-ns", "Nanoseconds that it was idle before the payload at whose time it was reset.";
        NoRequestOutstanding = "no-request-outstanding", "Every request had an answer.";
        RequestOutstanding = "request-outstanding", "A request had no answer yet.";
        SentBeforeFin = "sent-before-fin-arrived", "The payload's ack shows that its sender had not received the FIN; the number is its frame.";
        SentAfterFin = "sent-after-fin-acked-ns", "The payload was sent this many nanoseconds after its sender had acked the FIN.";
        WindowReduced = "window-reduced", "The RST advertises a window smaller by this many bytes, which may lie unread.";
        WindowFull = "window-full", "The RST advertises a window that is not reduced.";
        DestroyedBytes = "destroyed-bytes", "Bytes sent and not acked when the RST came.";
        NoPayloadSent = "no-payload-sent", "The resetting side had sent no payload.";
        ResetsTogether = "resets-together", "This many connections of the same server were reset within 100 ms.";
        SynsRefused = "syns-refused-after", "This many SYNs to the same port were refused afterwards.";
        SameGap = "same-gap", "This many connections of the same server closed after the same idle time.";
        SameEnding = "same-ending", "This many connections of the same server ended the same way.";
        ServerConnections = "server-connections", "Out of this many of that server in the capture.";
        KnownGap = "known-gap-s", "The idle gap equals a known device timeout of this many seconds.";
        TtlDiffers = "ttl-differs", "The RST's TTL differs from its sender's other segments by this many.";
        DataAfterReset = "data-after-reset", "The alleged resetter went on sending: this many bytes.";
        SpokeAfterReset = "spoke-after-reset-ns", "The end that the RST names sent payload or a FIN this many nanoseconds later, as no closed socket does.";
        AckedAfterReset = "acked-after-reset", "In this frame that end acked what had been sent after the RST.";
        ResetNumbers = "reset-numbers", "RSTs with this many different sequence numbers.";
        ResetsBothEnds = "resets-both-ends", "RSTs were sent towards both ends.";
        NoTimestamps = "no-timestamps", "The RST lacks the timestamps option that the connection uses.";
        Retransmissions = "retransmissions", "Sent again this many times.";
        Silence = "silence-ns", "Nanoseconds of silence to the end of the capture.";
        KeepAliveProbes = "keep-alive-probes", "This many keep-alive probes without an answer.";
        FinAcked = "fin-acked", "The FIN was acked in this frame.";
        PeerOpenFor = "peer-open-ns", "Nanoseconds that the other direction stayed open after the FIN.";
        AnsweredAtOnce = "answered-at-once-ns", "The FIN was answered by a close after this many nanoseconds, without payload.";
        TlsAlertAbsent = "tls-alert-absent", "The last TLS record before the end is not an alert.";
        TlsAlertPresent = "tls-alert-present", "A TLS alert precedes the end.";
        NewSyn = "new-syn", "This frame's SYN reused the tuple.";
        OldAck = "old-ack", "This frame answered the SYN with an ACK of old numbers.";
        OneDirection = "one-direction", "Only one direction was captured.";
        CaptureGap = "capture-gap", "The capture lost this many bytes.";
        Midstream = "midstream", "The capture begins inside the connection.";
        EndUnseen = "end-unseen", "What ended its sender's socket, or what drew this RST, was lost or not captured.";
        CaptureEnds = "capture-ends-ns", "The capture ends this many nanoseconds later.";
        ServerAnswersOthers = "server-answers-others", "The same server port completed this many other handshakes.";
    }
}

slugs! {
    /// What one segment is, as `explain` labels it.
    Label {
        Duplicate = "duplicate", "A copy of a packet already captured.";
        BadChecksum = "bad-checksum", "Its checksum is wrong; the receiver drops it.";
        Syn = "syn", "Opens the connection.";
        SynAck = "syn-ack", "Accepts the opening.";
        HandshakeAck = "handshake-ack", "Completes the handshake.";
        SynRetransmission = "syn-retransmission", "The same SYN again.";
        Data = "data", "New payload.";
        Retransmission = "retransmission", "Payload sent before.";
        OutOfOrder = "out-of-order", "Payload that fills a hole.";
        Gap = "gap", "Payload after a hole: bytes before it were not captured yet.";
        KeepAlive = "keep-alive", "Keep-alive probe.";
        KeepAliveAck = "keep-alive-ack", "Answer to a keep-alive probe.";
        WindowProbe = "window-probe", "Zero-window probe.";
        ZeroWindow = "zero-window", "Advertises a zero window.";
        WindowUpdate = "window-update", "Changes only the window.";
        Ack = "ack", "Acks something new.";
        DuplicateAck = "duplicate-ack", "Acks nothing new.";
        Fin = "fin", "Says that its sender will send no more.";
        FinRetransmission = "fin-retransmission", "The same FIN again.";
        AcksFin = "acks-fin", "Acks the other side's FIN.";
        CrossesFin = "crosses-fin", "A FIN that does not ack the other's FIN.";
        RstOwner = "rst-owner", "A RST by the socket's owner.";
        RstReply = "rst-reply", "A RST in answer to a segment.";
        RstUnclear = "rst-unclear", "A RST of neither form.";
        RstIgnored = "rst-ignored", "A RST that ends nothing.";
        RstTrigger = "rst-trigger", "Drew a RST.";
        ChallengeAck = "challenge-ack", "A challenge ACK.";
        AfterFin = "after-fin", "Payload beyond its sender's own FIN.";
        AfterClose = "after-close", "Arrived after the connection was closed.";
        OldAck = "old-ack", "An ACK with the numbers of an old connection.";
        AcksUnseen = "acks-unseen", "Acks bytes that the capture does not hold.";
        EndsConnection = "ends-connection", "The segment that ended the connection.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_fit_their_bits() {
        assert!(Note::ALL.len() <= 64);
    }
}
