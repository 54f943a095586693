//! Each limit at its value and one past it; and limits that are judged from a header alone (threats.md F1 to F4).

use bowline_core::{Limits, Role};

use crate::common::{BINARY, CONTINUATION, FIN, ROLES, RSV1, Seen, Setup, TEXT, deflate_params, frame, header};

const MAX: usize = 1_000;

fn limits() -> Limits {
    Limits::default().max_control_rate(u32::MAX)
}

/// What an end within `limits` makes of a message in fragments of these sizes, however they come.
fn see(role: Role, limits: Limits, sizes: &[usize]) -> Seen {
    let mut bytes = Vec::new();
    for (n, &size) in sizes.iter().enumerate() {
        let fin = if n + 1 == sizes.len() { FIN } else { 0 };
        let opcode = if n == 0 { BINARY } else { CONTINUATION };
        bytes.extend(frame(role.peer(), fin | opcode, &vec![7; size]));
    }
    let setup = Setup::new(role).limits(limits);
    let whole = setup.see(&bytes, &[]);
    assert_eq!(setup.see(&bytes, &[9]), whole);
    whole
}

fn assert_within(seen: &Seen, size: usize) {
    assert_eq!(seen.error, None);
    assert_eq!(seen.messages().iter().map(bowline_core::Message::len).collect::<Vec<_>>(), [size]);
}

fn assert_past(seen: &Seen, limit: &str, max: usize) {
    assert_eq!(seen.error, Some(format!("Limit(LimitExceeded {{ limit: {limit}, max: {max} }})")));
    assert_eq!((seen.close_codes(), seen.messages().len()), (vec![1009], 0));
}

#[test]
fn max_message_size_in_one_frame() {
    for role in ROLES {
        let limits = limits().max_message_size(MAX);
        assert_within(&see(role, limits.clone(), &[MAX]), MAX);
        assert_past(&see(role, limits, &[MAX + 1]), "MessageSize", MAX);
    }
}

// F3: fragments that are each under the limit.
#[test]
fn f3_max_message_size_over_fragments() {
    for role in ROLES {
        let limits = limits().max_message_size(MAX);
        assert_within(&see(role, limits.clone(), &[MAX / 2, 0, MAX / 2]), MAX);
        assert_past(&see(role, limits.clone(), &[MAX / 2, MAX / 2, 1, 0]), "MessageSize", MAX);
        let endless = see(role, limits, &vec![7; 3 * MAX]);
        assert_past(&endless, "MessageSize", MAX);
    }
}

#[test]
fn max_frame_size() {
    for role in ROLES {
        let limits = limits().max_frame_size(MAX);
        assert_within(&see(role, limits.clone(), &[MAX, MAX]), 2 * MAX);
        assert_past(&see(role, limits.clone(), &[MAX + 1]), "FrameSize", MAX);
        assert_past(&see(role, limits, &[MAX, MAX + 1]), "FrameSize", MAX);
    }
}

#[test]
fn max_frame_size_holds_for_compressed_frames_and_messages_in_pieces() {
    let setup = Setup::new(Role::Server).deflate(Some(deflate_params(false)));
    let setup = Setup { limits: limits().max_frame_size(MAX), ..setup };
    for setup in [setup.clone(), setup.in_pieces()] {
        let seen = setup.see(&header(Role::Client, FIN | RSV1 | TEXT, MAX as u64 + 1), &[]);
        assert_past(&seen, "FrameSize", MAX);
    }
}

// F4: fragments of 1 or 0 bytes; empty ones count.
#[test]
fn f4_max_fragments() {
    for role in ROLES {
        for size in [0, 1] {
            let limits = limits().max_fragments(100);
            assert_within(&see(role, limits.clone(), &[size; 100]), 100 * size);
            assert_past(&see(role, limits, &[size; 101]), "Fragments", 100);
        }
        assert_past(&see(role, Limits::default(), &[1; 131_072]), "Fragments", 4_096);
    }
}

#[test]
fn a_message_in_one_frame_is_within_any_max_fragments() {
    assert_within(&see(Role::Server, limits().max_fragments(0), &[5]), 5);
    assert_past(&see(Role::Server, limits().max_fragments(0), &[5, 5]), "Fragments", 0);
}

// F1 and F2: the header says enough; none of the payload need come.
#[test]
fn f1_limits_are_judged_from_the_header_alone() {
    for role in ROLES {
        for declared in [(1 << 20) + 1, 1 << 32, 1 << 33, 1 << 53, (1 << 63) - 1_u64] {
            let header = header(role.peer(), FIN | BINARY, declared);
            assert!(header.len() <= 14);
            for cuts in [&[][..], &[1]] {
                let seen = Setup::new(role).see(&header, cuts);
                assert_past(&seen, "MessageSize", 1 << 20);
            }
        }
        for declared in [1 << 63, u64::MAX] {
            let seen = Setup::new(role).see(&header(role.peer(), FIN | BINARY, declared), &[]);
            assert_eq!((seen.error.as_deref(), seen.close_codes()), (Some("Protocol(LengthTooLarge)"), vec![1002]));
        }
    }
}

// RFC 6455 §5.2: a length takes the fewest bytes that hold it.
#[test]
fn f1_lengths_that_are_not_minimal() {
    for role in ROLES {
        let mask_bit = if role == Role::Server { 0x80 } else { 0 };
        let long = |len: u64| [vec![FIN | BINARY, mask_bit | 127], len.to_be_bytes().to_vec()].concat();
        let short = |len: u16| [vec![FIN | BINARY, mask_bit | 126], len.to_be_bytes().to_vec()].concat();
        for header in [short(0), short(125), long(0), long(125), long(126), long(65_535)] {
            let seen = Setup::new(role).see(&header, &[]);
            assert_eq!((seen.error.as_deref(), seen.close_codes()), (Some("Protocol(NonMinimalLength)"), vec![1002]));
        }
        for header in [short(126), long(65_536)] {
            assert_eq!(Setup::new(role).see(&header, &[]).error, None);
        }
    }
}
