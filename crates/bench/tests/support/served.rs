//! A real server in this process.

use bowline_server::Hub;
use bowline_server::http::Guards;
use bowline_server::listener::Server;
use bowline_server::room::{RoomOptions, SlowConsumer};
use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread;

/// Serves sessions, which are sent back what they say, and rooms. It goes on until the test ends.
pub(crate) fn served() -> SocketAddr {
    let (tell, told) = channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            // A machine that is busy may keep any member waiting: it is told of the gap then.
            let room = RoomOptions::default().slow_consumer(SlowConsumer::SkipToOldest);
            let hub = Hub::builder().room_options("*", room).build();
            let server = Server::new().listen("127.0.0.1:0").bind().expect("a free port");
            let running = server.serve(hub.service(Guards::new()));
            tell.send(running.local_addrs()[0]).expect("the test waits");
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("it serves")
}
