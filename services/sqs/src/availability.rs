//! Which messages of a group of a FIFO queue may be received: the rule that keeps their order.
//!
//! The messages of a group are received from the first on, some at a time, and no more of them before all that are in
//! flight were deleted or have become visible again. So what is in flight are always some of the group's first
//! [`FRONT`] messages, and these decide alone.
//! Source: SQS Developer Guide, "FIFO queue delivery logic".

/// Messages that one call may receive, and so those of a group that can be in flight.
pub const FRONT: usize = 10;

/// What counts of a message. Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// From when on it may be received: the end of its delay, or of its visibility timeout.
    pub visible_at: i64,
    /// Whether it was received and may still be held by whoever did.
    pub received: bool,
}

/// From when on the group may be received, given its first [`FRONT`] messages. `None`: it has no messages.
pub fn ready_at(front: &[Slot]) -> Option<i64> {
    let first = front.first()?;
    let held = front.iter().filter(|slot| slot.received).map(|slot| slot.visible_at);
    Some(held.fold(first.visible_at, i64::max))
}

/// How many of the first messages may be received at once.
pub fn receivable(front: &[Slot], now: i64, most: usize) -> usize {
    match ready_at(front) {
        Some(ready) if ready <= now => {
            front.iter().take(most.min(FRONT)).take_while(|slot| slot.visible_at <= now).count()
        }
        Some(_) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Send { delay: i64 },
        Receive { most: usize, timeout: i64 },
        Delete { which: usize },
        ChangeVisibility { which: usize, timeout: i64 },
        Pass { time: i64 },
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..3_i64).prop_map(|delay| Step::Send { delay }),
            4 => (1..=10_usize, 0..6_i64).prop_map(|(most, timeout)| Step::Receive { most, timeout }),
            3 => (0..10_usize).prop_map(|which| Step::Delete { which }),
            1 => (0..10_usize, 0..6_i64).prop_map(|(which, timeout)| Step::ChangeVisibility { which, timeout }),
            2 => (0..4_i64).prop_map(|time| Step::Pass { time }),
        ]
    }

    fn front(group: &[(usize, Slot)]) -> Vec<Slot> {
        group.iter().take(FRONT).map(|(_, slot)| *slot).collect()
    }

    fn held(group: &[(usize, Slot)], now: i64) -> Vec<usize> {
        (0..group.len()).filter(|&at| group[at].1.received && group[at].1.visible_at > now).collect()
    }

    proptest! {
        #[test]
        fn a_group_keeps_its_order(steps in prop::collection::vec(any_step(), 1..120)) {
            let (mut group, mut now, mut sent) = (Vec::<(usize, Slot)>::new(), 0, 0);
            for step in steps {
                match step {
                    Step::Send { delay } => {
                        group.push((sent, Slot { visible_at: now + delay, received: false }));
                        sent += 1;
                    }
                    Step::Receive { most, timeout } => {
                        let count = receivable(&front(&group), now, most);
                        prop_assert!(count <= most);
                        // Nothing is received while something is in flight, and never a later message before an earlier one.
                        prop_assert!(count == 0 || held(&group, now).is_empty());
                        prop_assert!(group[..count].iter().all(|(_, slot)| slot.visible_at <= now));
                        if group.first().is_some_and(|(_, slot)| slot.visible_at <= now) && held(&group, now).is_empty() {
                            prop_assert!(count > 0, "nothing stands in the way of the first message");
                        }
                        for (_, slot) in &mut group[..count] {
                            *slot = Slot { visible_at: now + timeout, received: true };
                        }
                    }
                    Step::Delete { which } => {
                        if let Some(&at) = held(&group, now).get(which) {
                            group.remove(at);
                        }
                    }
                    Step::ChangeVisibility { which, timeout } => {
                        if let Some(&at) = held(&group, now).get(which) {
                            group[at].1.visible_at = now + timeout;
                        }
                    }
                    Step::Pass { time } => now += time,
                }
                prop_assert!(held(&group, now).iter().all(|&at| at < FRONT), "the front decides alone");
                prop_assert!(group.is_sorted_by_key(|(number, _)| *number));
                if let Some(ready) = ready_at(&front(&group)) {
                    prop_assert!(receivable(&front(&group), ready, 1) == 1, "at that time there is something");
                    prop_assert!(receivable(&front(&group), ready - 1, 1) == 0, "and not before");
                }
            }
        }
    }
}
