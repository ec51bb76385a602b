//! What only the end of a story shows of its beginning.

use super::Step;
use crate::machine::{Event, State, next};
use crate::segment::flag;
use crate::slugs::Label;

/// What a segment made believe and a later one disproves is not told, so that no end steps back over
/// an edge that the machine does not have (docs/decisions.md 36 and 85).
pub(super) fn hindsight(steps: &mut [Step]) {
    for i in 1..steps.len() {
        fin_after_reset(steps, i);
        fin_late(steps, i);
        let sender = steps[i].segment.dir;
        not_received(steps, i, sender.flip() as usize);
        let stood = if steps[i].outcome.is(Label::FinRetransmission) {
            Some(steps[i].states[sender as usize])
        } else if steps[i].outcome.is(Label::EndsConnection) {
            steps[i].passed[sender as usize]
        } else {
            None
        };
        if let Some(stood) = stood {
            not_acked(&mut steps[..i], sender as usize, stood);
        }
        not_reset(steps, i);
    }
}

/// Where `end` seemed to have the other's FIN until that FIN, or what lies before it, was sent again,
/// it had not.
fn not_received(steps: &mut [Step], i: usize, end: usize) {
    if without_fin(steps[i - 1].states[end]) != Some(steps[i].states[end]) {
        return;
    }
    for step in steps[..i].iter_mut().rev() {
        match without_fin(step.states[end]) {
            Some(state) => (step.states[end], step.passed[end]) = (state, None),
            None => break,
        }
    }
}

/// Where `end` seemed to have the ACK of its FIN (and what that ACK showed) until it sent that FIN
/// again, or a RST that shows it in `stood`, it had not.
fn not_acked(steps: &mut [Step], end: usize, stood: State) {
    if !UNACKED.contains(&stood) {
        return;
    }
    for step in steps.iter_mut().rev() {
        let seemed = step.states[end];
        let unacked = UNACKED
            .into_iter()
            .find(|s| next(*s, Event::RcvAckOfFin) == Some(seemed))
            .unwrap_or(seemed);
        // a RST of the other end that had not come yet, if it was not the ACK that ends LAST-ACK
        let reset = seemed == State::Closed && stood != State::LastAck;
        let state = if reset || next(stood, Event::RcvFin) == Some(unacked) {
            stood
        } else {
            unacked
        };
        if state == seemed {
            break;
        }
        (step.states[end], step.passed[end]) = (state, None);
    }
}

/// Where an end stands whose FIN is not acked.
const UNACKED: [State; 3] = [State::FinWait1, State::Closing, State::LastAck];

/// Where a RST seemed to have ended it until the other end acked what came after, it had not.
fn not_reset(steps: &mut [Step], i: usize) {
    let alive = |states: [State; 2]| states.iter().all(|s| s.synchronized());
    if alive(steps[i - 1].states) || !alive(steps[i].states) {
        return;
    }
    let rst = |s: &Step| s.outcome.is(Label::EndsConnection) && s.segment.has(flag::RST);
    let Some(k) = steps[..i].iter().rposition(rst).filter(|k| *k > 0) else {
        return;
    };
    let stood = steps[k - 1].states;
    steps[k].outcome.labels &= !(1 << Label::EndsConnection as u8);
    steps[k].outcome.label(Label::RstIgnored);
    for step in &mut steps[k..=i] {
        step.outcome.labels &= !(1 << Label::AfterClose as u8);
    }
    for step in &mut steps[k..i] {
        (step.states, step.passed) = (stood, [None; 2]);
    }
}

/// A FIN that crossed the other, and was captured after its sender had acked the other: it was in CLOSING already.
fn fin_late(steps: &mut [Step], i: usize) {
    let end = steps[i].segment.dir as usize;
    let late = steps[i].outcome.is(Label::CrossesFin) && steps[i].passed[end].is_some();
    if !late || steps[i].passed[end] == Some(State::FinWait1) {
        return;
    }
    closing_already(&mut steps[..i], end);
}

/// Where `end` seemed to wait for its own close, it had closed, and its FIN had crossed the other. False if it nowhere did.
fn closing_already(steps: &mut [Step], end: usize) -> bool {
    let waited = |step: &&mut Step| step.states[end] == State::CloseWait;
    let mut first = None;
    for step in steps.iter_mut().rev().take_while(waited) {
        step.states[end] = State::Closing;
        first = Some(step);
    }
    if let Some(step) = first {
        step.passed[end] = Some(State::FinWait1);
        return true;
    }
    false
}

/// A FIN after a RST was sent before its sender had that RST; or before the RST, if it is the resetter's own and was
/// overtaken. Where its sender stood is told so.
fn fin_after_reset(steps: &mut [Step], i: usize) {
    let end = steps[i].segment.dir as usize;
    let Some(sent @ (State::FinWait1 | State::LastAck)) = steps[i].passed[end] else {
        return;
    };
    let reset = |step: &Step| step.outcome.is(Label::EndsConnection);
    let Some(k) = steps[..i].iter().rposition(reset) else {
        return;
    };
    let first = steps[i].segment.has(flag::FIN) && !steps[i].outcome.is(Label::FinRetransmission);
    if !first || !steps[i].outcome.is(Label::AfterClose) {
        return;
    }
    if steps[k].segment.dir == steps[i].segment.dir {
        steps[i].passed[end] = None;
        let crossed = steps[i].outcome.is(Label::CrossesFin);
        let told = crossed && closing_already(&mut steps[..k], end);
        let sent = if crossed { State::FinWait1 } else { sent };
        steps[k].passed[end] = (!told).then_some(sent);
        return;
    }
    let stood = if sent == State::LastAck {
        State::CloseWait
    } else {
        State::Established
    };
    for step in &mut steps[k..i] {
        (step.states[end], step.passed[end]) = (stood, None);
    }
}

/// Where an end that has received a FIN stands if it has not.
fn without_fin(state: State) -> Option<State> {
    const BEFORE: [State; 3] = [State::Established, State::FinWait1, State::FinWait2];
    let found = BEFORE
        .into_iter()
        .find(|s| next(*s, Event::RcvFin) == Some(state));
    // its own FIN went out in FIN-WAIT-1, not in CLOSE-WAIT: it had no FIN of the other to answer
    found.or((state == State::LastAck).then_some(State::FinWait1))
}
