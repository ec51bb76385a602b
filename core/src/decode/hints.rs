//! What the first and the last bytes of a payload look like. Hints, not parsing: a segment need not
//! begin where a message begins.

use crate::segment::{flag, mark};

/// Payloads longer than this are looked at from behind only if PSH or FIN says that a message ends:
/// an alert is small, and the end of a long payload is a cache line that nobody else needs.
const SHORT: u32 = 512;

/// Marks for the captured part of a payload of `len` bytes on the wire.
#[inline]
pub(super) fn of(captured: &[u8], len: u32, flags: u16) -> u16 {
    let mut marks = match captured.first_chunk::<8>() {
        Some(first) => start(*first),
        // Shorter than any HTTP line, but a whole change_cipher_spec or alert fits.
        None => {
            let mut first = [0; 8];
            first[..captured.len()].copy_from_slice(captured);
            start(first)
        }
    };
    if (len <= SHORT || flags & (flag::PSH | flag::FIN) != 0)
        && let Some(whole) = captured.get(..len as usize)
    {
        marks |= mark::TAIL_SEEN;
        if ends_with_alert(whole) {
            marks |= mark::TLS_ALERT_TAIL;
        }
    }
    marks
}

/// TLS content types (RFC 8446 section 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Longest record: 2^14 bytes and an expansion of 2,048 (RFC 5246 section 6.2.3).
const LONGEST_RECORD: u16 = (1 << 14) + 2_048;

/// Marks for how a payload begins.
#[inline]
fn start(first: [u8; 8]) -> u16 {
    // Most segments begin in the middle of something.
    if (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&first[0]) || first[0].is_ascii_uppercase()
    {
        known_start(first)
    } else {
        0
    }
}

#[inline(never)]
fn known_start(first: [u8; 8]) -> u16 {
    let [kind, major, minor, high, low, ..] = first;
    if (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind) {
        let len = u16::from_be_bytes([high, low]);
        if major != 3 || minor > 4 || len == 0 || len > LONGEST_RECORD {
            return 0;
        }
        return match kind {
            HANDSHAKE => mark::TLS_RECORD | mark::TLS_HANDSHAKE,
            _ => mark::TLS_RECORD,
        };
    }
    match &first {
        b"HTTP/1.0" | b"HTTP/1.1" => mark::HTTP_RESPONSE,
        [b'G', b'E', b'T', b' ', ..]
        | [b'P', b'U', b'T', b' ', ..]
        | [b'P', b'O', b'S', b'T', b' ', ..]
        | [b'H', b'E', b'A', b'D', b' ', ..]
        | [b'P', b'A', b'T', b'C', b'H', b' ', ..]
        | [b'T', b'R', b'A', b'C', b'E', b' ', ..]
        | [b'D', b'E', b'L', b'E', b'T', b'E', b' ', ..]
        | b"OPTIONS "
        | b"CONNECT " => mark::HTTP_REQUEST,
        _ => 0,
    }
}

/// Record header: type, version, length.
const RECORD: usize = 5;

/// Body lengths of an alert record: plaintext (2, RFC 5246 section 7.2); ChaCha20-Poly1305, CCM_8 or
/// an RC4 with MD5 (18); a stream cipher with SHA-1 (22); AES-GCM and CCM with their explicit nonce
/// (26); CBC with one of its MACs, with or without an explicit IV (32 to 80).
const ALERT_LENGTHS: [u8; 8] = [2, 18, 22, 26, 32, 48, 64, 80];

/// Body length of a TLS 1.3 alert without padding: level, description, content type, 16-byte tag
/// (RFC 8446 section 5.2). Any other 2-byte message has the same size, so it only looks like one.
const ALERT_LENGTH_1_3: u8 = 19;

/// True if the payload ends with what looks like a TLS alert record.
fn ends_with_alert(payload: &[u8]) -> bool {
    let record = |len: u8| {
        let at = payload.len().checked_sub(RECORD + usize::from(len))?;
        let h: &[u8; RECORD] = payload[at..].first_chunk()?;
        (h[3..] == [0, len]).then_some((h[0], h[1], h[2]))
    };
    if matches!(record(ALERT_LENGTH_1_3), Some((APPLICATION_DATA, 3, 3))) {
        return true;
    }
    ALERT_LENGTHS
        .iter()
        .any(|&len| matches!(record(len), Some((ALERT, 3, 0..=4))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(payload: &[u8], flags: u16) -> u16 {
        of(payload, payload.len() as u32, flags)
    }

    fn record(kind: u8, minor: u8, len: u8) -> Vec<u8> {
        let mut r = vec![kind, 3, minor, 0, len];
        r.resize(RECORD + usize::from(len), 0xa5);
        r
    }

    #[test]
    fn alerts_of_every_cipher_are_seen_at_the_tail() {
        let alerts = ALERT_LENGTHS
            .iter()
            .map(|&len| record(ALERT, 3, len))
            .chain([record(APPLICATION_DATA, 3, ALERT_LENGTH_1_3)]);
        for alert in alerts {
            for before in [0, 1, 40, 600] {
                let mut payload = vec![0x7a; before];
                payload.extend(&alert);
                let marks = seen(&payload, flag::PSH);
                assert_ne!(marks & mark::TLS_ALERT_TAIL, 0, "{before} + {alert:?}");
                payload.push(0);
                let marks = seen(&payload, flag::PSH);
                assert_eq!(
                    marks & (mark::TLS_ALERT_TAIL | mark::TAIL_SEEN),
                    mark::TAIL_SEEN
                );
            }
        }
    }

    #[test]
    fn other_records_are_no_alerts() {
        for r in [
            record(APPLICATION_DATA, 3, 26),
            record(HANDSHAKE, 1, 2),
            record(ALERT, 3, 3),
            record(APPLICATION_DATA, 1, 19),
        ] {
            assert_eq!(seen(&r, 0) & mark::TLS_ALERT_TAIL, 0, "{r:?}");
            assert_ne!(seen(&r, 0) & mark::TLS_RECORD, 0, "{r:?}");
        }
    }

    #[test]
    fn a_tail_is_only_seen_where_it_was_captured_and_matters() {
        let long = [0; 513];
        assert_eq!(seen(&long, flag::ACK), 0);
        assert_eq!(seen(&long, flag::PSH), mark::TAIL_SEEN);
        assert_eq!(seen(&long, flag::FIN), mark::TAIL_SEEN);
        assert_eq!(seen(&long[..512], flag::ACK), mark::TAIL_SEEN);
        assert_eq!(of(&long[..40], 41, flag::FIN), 0);
        assert_eq!(of(&[], 41, flag::FIN), 0);
    }

    #[test]
    fn payloads_are_told_by_their_first_bytes() {
        let http = |p: &[u8]| seen(p, 0) & (mark::HTTP_REQUEST | mark::HTTP_RESPONSE);
        for method in "GET POST PUT HEAD DELETE OPTIONS PATCH CONNECT TRACE".split(' ') {
            let request = format!("{method} / HTTP/1.1\r\n");
            assert_eq!(http(request.as_bytes()), mark::HTTP_REQUEST, "{method}");
            assert_eq!(http(request.to_lowercase().as_bytes()), 0, "{method}");
        }
        assert_eq!(http(b"HTTP/1.1 200 OK\r\n"), mark::HTTP_RESPONSE);
        assert_eq!(http(b"PRI * HTTP/2.0\r\n"), 0);
        assert_eq!(http(b"GETTING "), 0);
        let hello = [HANDSHAKE, 3, 1, 2, 0, 1, 0, 1, 0xfc];
        assert_eq!(
            seen(&hello, 0),
            mark::TLS_RECORD | mark::TLS_HANDSHAKE | mark::TAIL_SEEN
        );
    }
}
