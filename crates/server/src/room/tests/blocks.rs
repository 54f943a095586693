//! Publications encoded once, in blocks that readers share.

use proptest::prelude::*;

use super::{Ground, lenient, member, numbers, said, texts};
use crate::{
    room::{Encoding, Next, Publication, blocks::MAX_BLOCK},
    session::SessionId,
};

fn encoded(next: Next) -> bytes::Bytes {
    let Next::Encoded(bytes, _) = next else { panic!("{next:?}") };
    bytes
}

#[test]
fn readers_share_the_bytes() {
    let mut ground = Ground::new(lenient());
    let (one, other, late) = (ground.reader(0), ground.reader(0), ground.reader(2));
    ground.count(1..=5);
    let bytes = encoded(ground.state.read(one));
    let same = encoded(ground.state.read(other));
    assert_eq!(bytes.as_ptr_range(), same.as_ptr_range());
    let part = encoded(ground.state.read(late));
    assert_eq!(texts(&part), numbers(3..=5));
    assert!(bytes.as_ptr_range().contains(&part.as_ptr()), "a part of the same block");
}

#[test]
fn an_earlier_reader_shares_what_was_encoded_for_a_later_one() {
    let mut ground = Ground::new(lenient());
    let (early, late) = (ground.reader(0), ground.reader(3));
    ground.count(1..=5);
    let tail = encoded(ground.state.read(late));
    assert_eq!(texts(&encoded(ground.state.read(early))), numbers(1..=3));
    assert_eq!(encoded(ground.state.read(early)).as_ptr_range(), tail.as_ptr_range());
}

#[test]
fn nothing_is_encoded_before_somebody_reads_or_after_all_have_left() {
    let mut ground = Ground::new(lenient());
    let reader = ground.reader(0);
    ground.count(1..=5);
    assert_eq!(ground.state.blocks(), (0, 0));
    ground.read(reader);
    assert_eq!(ground.state.blocks().0, 1);
    ground.state.leave(reader, ground.now);
    assert_eq!(ground.state.blocks(), (0, 0));
}

#[test]
fn blocks_leave_with_the_publications_in_them() {
    let mut ground = Ground::new(lenient().max_log_count(10));
    let reader = ground.reader(0);
    for number in 1..=100 {
        ground.count(number..=number);
        ground.read(reader);
        assert!(ground.state.blocks().0 <= 10, "{:?}", ground.state.blocks());
    }
}

/// The header counts, too, and what an event stream adds.
#[test]
fn a_block_is_at_most_64_kib_unless_a_single_publication_is_larger() {
    for encoding in [super::FRAMES, Encoding::EventStream] {
        for len in
            [0, 1, 100, MAX_BLOCK / 2 - 10, MAX_BLOCK / 2 - 4, MAX_BLOCK / 2, MAX_BLOCK - 4, MAX_BLOCK, MAX_BLOCK + 1]
        {
            let unbounded = lenient().max_log_bytes(usize::MAX).max_log_count(usize::MAX);
            let mut ground = Ground::new(unbounded);
            let reader = ground.state.join(member(0, Some(encoding), None), false).expect("there is room");
            let count = (300_000 / (len + 1)).clamp(3, 40_000);
            for _ in 0..count {
                ground.say("x".repeat(len)).unwrap();
            }
            let mut read = 0;
            loop {
                match ground.state.read(reader) {
                    Next::Encoded(bytes, publications) => {
                        assert!(
                            bytes.len() <= MAX_BLOCK || publications == 1,
                            "{} of {publications} × {len}",
                            bytes.len()
                        );
                        read += publications as usize;
                    }
                    Next::UpToDate => break,
                    next => panic!("{next:?}"),
                }
            }
            assert_eq!(read, count);
        }
    }
}

/// Of which publications each of some readers is passed over, and when they read.
#[derive(Clone, Debug)]
enum Step {
    Say { except: Option<usize>, len: usize },
    Read(usize),
}

const READERS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![6 => 0_usize..200, 1 => Just(MAX_BLOCK / 3), 1 => Just(MAX_BLOCK + 10)];
    let say = (prop::option::of(0..READERS), len).prop_map(|(except, len)| Step::Say { except, len });
    prop::collection::vec(prop_oneof![3 => say, 1 => (0..READERS).prop_map(Step::Read)], 1..80)
}

proptest! {
    #[test]
    fn a_reader_gets_all_that_it_is_not_passed_over_for(steps in steps()) {
        let mut ground = Ground::new(lenient().max_log_bytes(usize::MAX));
        let sessions: [SessionId; READERS] = std::array::from_fn(|_| SessionId::random());
        let readers = sessions.map(|session| ground.session(session));
        let mut expected = vec![Vec::new(); READERS];
        let mut seen = vec![Vec::new(); READERS];
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Say { except, len } => {
                    let text = format!("{number}{}", ".".repeat(*len));
                    let publication = Publication::new(text.clone());
                    ground.say(match except {
                        Some(reader) => publication.except(sessions[*reader]),
                        None => publication,
                    }).unwrap();
                    let others = (0..READERS).filter(|reader| Some(*reader) != *except);
                    others.for_each(|reader| expected[reader].push(text.clone()));
                }
                Step::Read(reader) => seen[*reader].extend(said(&ground.state.read(readers[*reader]))),
            }
        }
        for reader in 0..READERS {
            seen[reader].extend(ground.read(readers[reader]));
        }
        prop_assert!(seen == expected);
    }
}
