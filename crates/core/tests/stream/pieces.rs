//! Messages sent and received piece by piece.

use bowline_core::{
    Limits, Message,
    connection::Event,
    error::{Error, SendErrorReason},
    message::{Kind, Piece},
};

use crate::{
    common::{Peer, pair, scripted, untimed},
    scripted::Scripted,
};

fn piece(kind: Kind, data: &[u8], last: bool) -> Piece {
    Piece { kind, data: data.to_vec().into(), last }
}

#[tokio::test(start_paused = true)]
async fn a_piece_out_of_its_turn_comes_back_and_harms_nothing() {
    let (mut server, io) = scripted(Scripted::default(), untimed());
    server.send_piece(piece(Kind::Text, b"a", false)).await.unwrap();
    let refused = server.send_piece(piece(Kind::Binary, b"b", true)).await.unwrap_err();
    assert!(matches!(refused.reason(), SendErrorReason::Unfinished));
    assert_eq!(&refused.into_rejected().unwrap().data[..], b"b");
    let refused = server.send("whole").await.unwrap_err();
    assert!(matches!(refused.reason(), SendErrorReason::Unfinished));
    // As an `Error`, it is the caller's mistake, not the connection's end.
    assert!(matches!(Error::from(refused), Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidInput));
    let refused = server.send_piece(piece(Kind::Text, &[0xff], true)).await.unwrap_err();
    assert!(matches!(refused.reason(), SendErrorReason::InvalidUtf8));
    server.ping("between").await.unwrap();
    server.send_piece(piece(Kind::Text, b"z", true)).await.unwrap();
    let seen = Peer::client().understand(&io.script().written());
    assert_eq!(seen, [Event::Ping("between".into()), Event::Message("az".into())]);
}

#[tokio::test(start_paused = true)]
async fn pieces_are_not_bound_by_the_message_limit_and_arrive_as_they_come() {
    let config = untimed().limits(Limits::default().max_message_size(1_000).max_fragments(2));
    let (mut client, mut server) = pair(300, config);
    let sends = async {
        for number in 1..=100_u8 {
            client.send_piece(piece(Kind::Binary, &[number; 100], number == 100)).await.unwrap();
        }
    };
    let receives = async {
        let mut data = Vec::new();
        loop {
            let piece = server.recv_piece().await.unwrap().unwrap();
            assert!(piece.data.len() <= 300, "more than came at a time");
            data.extend_from_slice(&piece.data);
            if piece.last {
                return data;
            }
        }
    };
    let ((), data) = tokio::join!(sends, receives);
    assert_eq!(data, (1..=100).flat_map(|number| [number; 100]).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn recv_steps_over_the_rest_of_a_message_begun_in_pieces() {
    let (mut client, mut server) = pair(10_000, untimed());
    client.send_piece(piece(Kind::Text, b"begun", false)).await.unwrap();
    assert_eq!(server.recv_piece().await.unwrap(), Some(piece(Kind::Text, b"begun", false)));
    client.send_piece(piece(Kind::Text, b" and left", true)).await.unwrap();
    client.send("next").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("next".into()));
}

#[tokio::test(start_paused = true)]
async fn recv_piece_gives_a_message_that_recv_had_begun_as_one() {
    let (mut client, mut server) = pair(10_000, untimed());
    client.send_piece(piece(Kind::Text, b"one ", false)).await.unwrap();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(1), server.recv()).await;
    assert!(waited.is_err());
    client.send_piece(piece(Kind::Text, b"message", true)).await.unwrap();
    assert_eq!(server.recv_piece().await.unwrap(), Some(piece(Kind::Text, b"one message", true)));
}

#[tokio::test(start_paused = true)]
async fn text_comes_in_whole_characters() {
    let (mut client, mut server) = pair(10_000, untimed());
    let text = "aé€😀";
    for (index, byte) in text.bytes().enumerate() {
        client.feed_piece(piece(Kind::Text, &[byte], index + 1 == text.len())).await.unwrap();
    }
    client.flush().await.unwrap();
    let mut whole = String::new();
    loop {
        let piece = server.recv_piece().await.unwrap().unwrap();
        whole.push_str(std::str::from_utf8(&piece.data).unwrap());
        if piece.last {
            break;
        }
    }
    assert_eq!(Message::from(whole), text.into());
}
