//! How big the types are that each connection pays for.

use bowline_core::{Role, stream::WebSocket};
use tokio::net::TcpStream;

use crate::common::{socket, untimed};

#[test]
fn sizes_stay_small() {
    // A WebSocket is moved into its task once; each byte is paid a connection.
    let own = size_of::<WebSocket<TcpStream>>() - size_of::<TcpStream>();
    assert!(own <= 512, "{own}");
    let mut socket = socket(tokio::io::empty(), Role::Server, untimed());
    assert!(size_of_val(&socket.recv()) <= 32, "{}", size_of_val(&socket.recv()));
    assert!(size_of_val(&socket.send("")) <= 128, "{}", size_of_val(&socket.send("")));
}
