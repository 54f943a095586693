//! Members that read the room itself, as an event stream: they are told places.

use std::{sync::Arc, time::Duration};

use bowline_bench::delivery::{Kind, Op};
use bowline_server::room::{Encoding, Position, Read, Reader, Room, Start};
use tokio::time::{sleep, timeout};

use crate::history::{Diary, Run, count};

/// Reads until the run is over: goes away and comes back to its place, stalls, and now and then leaves for good, and joins as
/// somebody else.
pub(crate) async fn listen(run: Arc<Run>, room: Room, number: usize) {
    for life in 0.. {
        let mut diary = Diary::new(&run, format!("listener {number}.{life}"));
        live(&run, &room, &mut diary).await;
        diary.finish();
        if run.is_over() {
            return;
        }
    }
}

async fn live(run: &Run, room: &Room, diary: &mut Diary<'_>) {
    diary.note(Kind::Invoke, Op::Join, None);
    let mut reader = room.reader(Start::Newest, Encoding::EventStream, false).unwrap();
    let mut known = reader.position();
    diary.note(Kind::Ok, Op::Join, Some(known));
    while !run.is_over() {
        let fault = if run.is_healed() { 1_000 } else { rand::random_range(0..1_000) };
        match fault {
            0..15 => {
                count(&run.faults.reconnects);
                drop(reader);
                sleep(Duration::from_millis(rand::random_range(0..20))).await;
                reader = room.reader(Start::After(known), Encoding::EventStream, false).unwrap();
            }
            15..18 => {
                count(&run.faults.stalls);
                sleep(Duration::from_millis(rand::random_range(20..80))).await;
            }
            18..20 => {
                count(&run.faults.leaves);
                diary.note(Kind::Invoke, Op::Leave, None);
                drop(reader);
                diary.note(Kind::Ok, Op::Leave, None);
                return;
            }
            _ => {}
        }
        read(&mut reader, diary, &mut known).await;
    }
}

async fn read(reader: &mut Reader, diary: &mut Diary<'_>, known: &mut Position) {
    match timeout(Duration::from_millis(50), reader.read()).await {
        Ok(Read::Encoded { bytes, .. }) => {
            for event in std::str::from_utf8(&bytes).unwrap().split_terminator("\n\n") {
                let (id, data) = event.split_once('\n').unwrap();
                *known = id.strip_prefix("id: ").or_else(|| id.strip_prefix("id:")).unwrap().parse().unwrap();
                diary.received(
                    data.strip_prefix("data: ").or_else(|| data.strip_prefix("data:")).unwrap(),
                    Some(*known),
                );
            }
        }
        Ok(Read::Gap(gap)) => {
            diary.gap(&gap);
            *known = gap.to;
        }
        Ok(read) => panic!("{read:?}"),
        // The run may be over.
        Err(_) => {}
    }
}
