use std::collections::BTreeMap;

use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_boot(Duration::from_millis(1_000_000 + millis))
}

fn sent(count: u32) -> Traffic {
    Traffic {
        sent: count,
        ..Traffic::default()
    }
}

fn received(count: u32) -> Traffic {
    Traffic {
        received: count,
        ..Traffic::default()
    }
}

#[test]
fn who_is_alone_does_not_wait() {
    let mut pace = Pace::new(at(0));
    assert_eq!(pace.deadline(), None);
    for id in 0..8 {
        pace.queue(id, Urgency::Add);
        assert!(pace.deadline().unwrap() <= at(0));
        assert_eq!(pace.next(at(0)), Some(id));
        pace.note(sent(2), at(0));
    }
}

#[test]
fn adds_go_first_and_nobody_goes_twice() {
    let mut pace = Pace::new(at(0));
    for (id, urgency) in [
        (1, Urgency::Other),
        (2, Urgency::Other),
        (7, Urgency::Add),
        (7, Urgency::Other),
        (5, Urgency::Add),
        (9, Urgency::Other),
    ] {
        pace.queue(id, urgency);
    }
    pace.leave(2);
    let turns: Vec<_> = std::iter::from_fn(|| pace.next(at(0))).collect();
    assert_eq!(turns, [5, 7, 1, 9]);
    assert_eq!(pace.deadline(), None);
}

#[test]
fn a_turn_comes_when_it_was_said_to() {
    let mut pace = Pace::new(at(0));
    pace.note(sent(21), at(0));
    pace.queue(1, Urgency::Add);
    let due = pace.deadline().unwrap();
    assert_eq!(due, at(20), "two messages at a hundred a second");
    assert_eq!(pace.next(due - Duration::from_micros(1)), None);
    assert_eq!(pace.next(due), Some(1));
}

#[test]
fn answers_make_it_faster_and_their_absence_slower() {
    let turns_in_a_second = |pace: &mut Pace, from: u64| {
        (0..1000)
            .filter(|millis| {
                pace.queue(*millis, Urgency::Other);
                let turn = pace.next(at(from + millis)).is_some();
                if turn {
                    pace.note(sent(1), at(from + millis));
                }
                turn
            })
            .count()
    };
    let mut pace = Pace::new(at(0));
    pace.note(sent(20), at(0));
    let first = turns_in_a_second(&mut pace, 0);
    assert!((99..=101).contains(&first), "{first}");
    pace.note(received(200), at(1000));
    let faster = turns_in_a_second(&mut pace, 1000);
    assert!((490..=510).contains(&faster), "{faster}");
    let lost = Traffic {
        repeated: 1,
        ..Traffic::default()
    };
    for _ in 0..50 {
        pace.note(lost, at(2000));
    }
    let slower = turns_in_a_second(&mut pace, 2000);
    assert!((240..=260).contains(&slower), "{slower}");
    for second in 0..100 {
        pace.note(lost, at(3000 + 2000 * second));
    }
    pace.note(sent(20), at(300_000));
    let slowest = turns_in_a_second(&mut pace, 300_000);
    assert!((49..=51).contains(&slowest), "{slowest}");
}

#[test]
fn a_silent_lan_is_still_asked_by_everybody_in_a_while() {
    let mut pace = Pace::new(at(0));
    for id in 0..300 {
        pace.queue(id, Urgency::Add);
    }
    // Each client asks again after 1, 2, 4, 8 and then every 14 s.
    let mut again = BTreeMap::new();
    let mut started = 0;
    for millis in 0..45_000_u64 {
        while pace.next(at(millis)).is_some() {
            started += 1;
            pace.note(sent(1), at(millis));
            for after in [1000, 3000, 7000, 15_000, 29_000, 43_000] {
                *again.entry(millis + after).or_insert(0) += 1;
            }
        }
        if let Some(count) = again.remove(&millis) {
            let traffic = Traffic {
                sent: count,
                received: 0,
                repeated: count,
            };
            pace.note(traffic, at(millis));
        }
    }
    assert_eq!(started, 300);
}

#[test]
fn a_lan_that_was_quiet_is_forgotten() {
    let mut pace = Pace::new(at(0));
    pace.note(sent(1), at(0));
    assert!(!pace.is_idle(at(30_000)));
    assert!(pace.is_idle(at(30_001)));
    pace.queue(1, Urgency::Other);
    assert!(!pace.is_idle(at(90_000)));
}
