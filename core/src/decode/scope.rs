//! Where a packet was found: the VLANs and tunnels around it.
//!
//! Two packets with the same addresses and ports are taken for one connection if their scopes are
//! equal, and else only if their numbers say so (`track/halves.rs`). So an id is part of the scope only if
//! both directions of a connection usually carry the same one:
//!
//! | id | part of the scope | why |
//! |---|---|---|
//! | VLAN id (802.1Q, 802.1ad), 0 excepted | yes | names a broadcast domain; 0 only carries a priority |
//! | I-SID (802.1ah) | yes | names a service |
//! | PPPoE session | yes | one id for both directions (RFC 2516 section 4) |
//! | VXLAN, Geneve VNI | yes | names a tenant's network (RFC 7348 section 5, RFC 8926 section 3.4) |
//! | GRE key, NVGRE VSID without its FlowID | yes | names a flow or tenant (RFC 2890 section 2.1, RFC 7637 section 3.2) |
//! | MPLS label | no | each direction has its own label-switched path (RFC 3031 section 3.1) |
//! | GTP TEID, PPTP call id, L2TP session | no | the receiver chooses it, so directions differ |
//! | outer addresses | no | they swap with the direction, and may change by load balancing |
//! | ERSPAN session | no | names a place of capture: it is part of `Segment::tap` |

use std::fmt;

/// The kinds of id, in the words of the column `scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// 802.1Q or 802.1ad VLAN id, 12 bits.
    Vlan = 1,
    /// VXLAN network identifier, 24 bits.
    Vxlan = 3,
    /// Geneve virtual network identifier, 24 bits.
    Geneve = 4,
    /// GRE key, 32 bits.
    Gre = 5,
    /// NVGRE virtual subnet id, 24 bits.
    Nvgre = 6,
    /// PPPoE session id, 16 bits.
    Pppoe = 7,
    /// 802.1ah service id, 24 bits.
    Isid = 8,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::Vlan,
        Kind::Vxlan,
        Kind::Geneve,
        Kind::Gre,
        Kind::Nvgre,
        Kind::Pppoe,
        Kind::Isid,
    ];

    fn word(self) -> &'static str {
        match self {
            Kind::Vlan => "vlan",
            Kind::Vxlan => "vxlan",
            Kind::Geneve => "geneve",
            Kind::Gre => "gre",
            Kind::Nvgre => "nvgre",
            Kind::Pppoe => "pppoe",
            Kind::Isid => "isid",
        }
    }
}

/// Ids in one frame that are kept; more of them is [`crate::skip::Skip::Nested`].
const MAX_PARTS: usize = 12;

/// The ids around a packet, outermost first. Copied, never allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    parts: [(u8, u32); MAX_PARTS],
    len: u8,
}

/// First byte of a number that holds two VLAN ids (the outer in bits 12 to 23).
const TWO_VLANS: u32 = 2;
/// Set in a number that is a hash: its words cannot be computed from it.
const HASHED: u32 = 1 << 31;

impl Scope {
    /// Adds an inner id. False if there is no room left.
    #[must_use]
    pub fn push(&mut self, kind: Kind, id: u32) -> bool {
        let Some(part) = self.parts.get_mut(usize::from(self.len)) else {
            return false;
        };
        *part = (kind as u8, id);
        self.len += 1;
        true
    }

    /// [`Scope::number`] of one VLAN.
    #[inline]
    pub(super) fn vlan(id: u16) -> u32 {
        if id == 0 {
            0
        } else {
            (Kind::Vlan as u32) << 24 | u32::from(id)
        }
    }

    fn used(&self) -> &[(u8, u32)] {
        &self.parts[..usize::from(self.len)]
    }

    /// The number that stands for this scope in a key: 0 for none; exact for one id of at most 24
    /// bits or two VLAN ids; else a 31-bit hash. Two scopes whose hashes fall together would share
    /// connections only if their packets also had the same addresses and ports.
    #[must_use]
    pub fn number(&self) -> u32 {
        const VLAN: u8 = Kind::Vlan as u8;
        match *self.used() {
            [] => 0,
            [(kind, id)] if id < 1 << 24 => u32::from(kind) << 24 | id,
            [(VLAN, outer), (VLAN, inner)] => TWO_VLANS << 24 | outer << 12 | inner,
            ref parts => parts.iter().fold(HASHED, |h, &(kind, id)| {
                let mixed = (u64::from(h) << 8 ^ u64::from(kind)) ^ u64::from(id) << 32;
                (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 | HASHED
            }),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, &(kind, id)) in self.used().iter().enumerate() {
            let word = Kind::ALL
                .iter()
                .find(|k| **k as u8 == kind)
                .map_or("?", |k| k.word());
            let slash = if i == 0 { "" } else { "/" };
            write!(f, "{slash}{word}:{id}")?;
        }
        Ok(())
    }
}

/// The words for a key's scope number if they can be computed from it alone: every scope with one
/// id or two VLANs. `Some("")` for 0; `None` for a hash, see [`ScopeNames`].
#[must_use]
pub fn describe(number: u32) -> Option<String> {
    if number & HASHED != 0 {
        return None;
    }
    let id = number & 0xff_ffff;
    if number >> 24 == TWO_VLANS {
        return Some(format!("vlan:{}/vlan:{}", id >> 12, id & 0xfff));
    }
    let kind = Kind::ALL.iter().find(|k| **k as u32 == number >> 24);
    Some(kind.map_or_else(String::new, |k| format!("{}:{id}", k.word())))
}

/// The words of hashed scopes, learnt from frames as they pass.
#[derive(Clone, Debug, Default)]
pub struct ScopeNames(std::collections::HashMap<u32, Box<str>>);

impl ScopeNames {
    /// Names kept; a hostile capture could otherwise invent one a frame.
    pub const MAX: usize = 65_536;

    /// Remembers the words for `number` if they are new and cannot be computed. `find` is called
    /// only then; give it `|| locate(frame, bytes)`.
    #[inline]
    pub fn learn(&mut self, number: u32, find: impl FnOnce() -> Option<Scope>) {
        if number & HASHED != 0 {
            self.learn_hashed(number, find);
        }
    }

    #[cold]
    fn learn_hashed(&mut self, number: u32, find: impl FnOnce() -> Option<Scope>) {
        if self.0.len() >= Self::MAX || self.0.contains_key(&number) {
            return;
        }
        if let Some(scope) = find().filter(|s| s.number() == number) {
            self.0.insert(number, scope.to_string().into());
        }
    }

    /// Adds what another has learnt.
    pub fn merge(&mut self, other: ScopeNames) {
        for (number, words) in other.0 {
            if self.0.len() < Self::MAX {
                self.0.insert(number, words);
            }
        }
    }

    /// The words for the column `scope`; `None` for a packet without VLAN or tunnel ids. A scope
    /// whose words were never learnt is given as `nested:` and its hash.
    #[must_use]
    pub fn name(&self, number: u32) -> Option<String> {
        match describe(number) {
            Some(words) if words.is_empty() => None,
            Some(words) => Some(words),
            None => Some(
                self.0
                    .get(&number)
                    .map_or_else(|| format!("nested:{number:08x}"), ToString::to_string),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(parts: &[(Kind, u32)]) -> Scope {
        let mut s = Scope::default();
        for &(kind, id) in parts {
            assert!(s.push(kind, id));
        }
        s
    }

    #[test]
    fn numbers_that_need_no_memory_say_their_own_words() {
        for (s, words) in [
            (scope(&[]), ""),
            (scope(&[(Kind::Vlan, 10)]), "vlan:10"),
            (
                scope(&[(Kind::Vlan, 4095), (Kind::Vlan, 1)]),
                "vlan:4095/vlan:1",
            ),
            (scope(&[(Kind::Vxlan, 0xff_ffff)]), "vxlan:16777215"),
            (scope(&[(Kind::Isid, 0)]), "isid:0"),
        ] {
            assert_eq!(s.to_string(), words);
            assert_eq!(describe(s.number()).as_deref(), Some(words));
        }
    }

    #[test]
    fn hashed_scopes_are_learnt() {
        let s = scope(&[(Kind::Vlan, 10), (Kind::Vxlan, 7)]);
        let t = scope(&[(Kind::Gre, u32::MAX)]);
        assert_eq!(describe(s.number()), None);
        assert_ne!(s.number(), t.number());
        let mut names = ScopeNames::default();
        assert!(
            names
                .name(s.number())
                .is_some_and(|n| n.starts_with("nested:"))
        );
        names.learn(s.number(), || Some(s));
        names.learn(t.number(), || Some(t));
        assert_eq!(names.name(s.number()).as_deref(), Some("vlan:10/vxlan:7"));
        assert_eq!(names.name(t.number()).as_deref(), Some("gre:4294967295"));
        assert_eq!(names.name(0), None);
    }

    #[test]
    fn order_matters_and_room_ends() {
        let a = scope(&[(Kind::Vlan, 1), (Kind::Vxlan, 2)]);
        let b = scope(&[(Kind::Vxlan, 2), (Kind::Vlan, 1)]);
        assert_ne!(a.number(), b.number());
        let mut full = scope(&[(Kind::Vlan, 1); MAX_PARTS]);
        assert!(!full.push(Kind::Vlan, 1));
    }
}
