//! A client that sends a text and some bytes to an echo server, checks what comes back, and closes:
//! `cargo run --example client -- ws://127.0.0.1:9001/`.

use std::{env, error::Error};

use bowline_core::{CloseCode, CloseFrame, Message, stream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001/".to_owned());
    let mut ws = stream::connect(&url).await?;

    for message in [Message::text("a bowline holds under load"), Message::binary(vec![0xb0; 3])] {
        ws.send(message.clone()).await?;
        let echo = ws.recv().await?.ok_or("the server closed before it answered")?;
        assert_eq!(echo, message);
        println!("{echo:?}");
    }

    ws.close(CloseFrame::new(CloseCode::NORMAL_CLOSURE, "and comes apart cleanly")).await?;
    let ended = ws.ended().ok_or("close returned before the end")?;
    assert!(ended.is_clean() && !ended.by_peer());
    println!("closed with {}", ended.code());
    Ok(())
}
