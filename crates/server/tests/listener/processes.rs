//! Crowds, exhausted descriptors, and sockets from systemd.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bowline_server::listener::descriptors::raise_max;

use super::child::{LISTENERS, ServerProcess, command};
use super::support::{LAST_GET, UPGRADE};

/// Asks, as any client would, and says how long it took.
fn get(address: SocketAddr) -> Duration {
    let begun = Instant::now();
    let mut tcp = TcpStream::connect(address).expect("it accepts");
    tcp.write_all(LAST_GET.as_bytes()).expect("it reads");
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    begun.elapsed()
}

/// 2,000 and a short deadline; with `BOWLINE_LONG` set 10,000 and the default.
#[test]
fn half_open_connections_are_cheap_and_end_in_time() {
    let long = std::env::var_os("BOWLINE_LONG").is_some();
    let (crowd, deadline) = if long { (10_000, Duration::from_secs(10)) } else { (2_000, Duration::from_secs(3)) };
    assert!(raise_max() >= crowd + 500, "this test holds {crowd} connections: raise ulimit -n");
    let mut server = ServerProcess::start(deadline, None);
    get(server.addresses[0]);
    let before = server.until(|state| state.open == 0);
    let begun = Instant::now();
    let mut sockets: Vec<TcpStream> = (0..crowd)
        .map(|number| {
            // Silent ones, slow ones, and where there is TLS slow ones there, in a record of 512 bytes.
            let (address, bytes): (_, &[u8]) = match (number % 4, &server.addresses[..]) {
                (0, [plain, ..]) => (*plain, b""),
                (3, [_, tls]) => (*tls, b"\x16\x03\x01\x02\x00"),
                (_, addresses) => (addresses[0], b"GET / HT"),
            };
            let mut tcp = TcpStream::connect(address).expect("it accepts");
            tcp.write_all(bytes).expect("it reads");
            tcp.set_nonblocking(true).expect("open");
            tcp
        })
        .collect();
    let connected = begun.elapsed();
    let during = server.until(|state| state.accepted == before.accepted + crowd);
    let kib = during.kib.saturating_sub(before.kib);
    println!("{crowd} half-open connections: {kib} KiB resident, connected in {connected:?}");
    assert!(kib <= 40 * 1024 * crowd / 10_000 + 2048, "{kib} KiB for {crowd}");
    // A byte each now and then; and in between those who mean it.
    let mut served = 0;
    while begun.elapsed() < deadline.mul_f32(0.8) {
        for tcp in sockets.iter_mut().filter(|_| served % 4 == 0) {
            let _ = tcp.write(b"a");
        }
        let took = get(server.addresses[0]);
        assert!(took < Duration::from_secs(1), "{took:?}");
        served += 1;
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(served >= 4, "{served}");
    for tcp in &mut sockets {
        to_end(tcp, begun + connected + deadline + Duration::from_secs(1));
    }
    assert!(begun.elapsed() >= deadline - Duration::from_secs(1), "{:?}", begun.elapsed());
    drop(sockets);
    let after = server.until(|state| (state.open, state.descriptors) == (0, before.descriptors));
    assert_eq!(after.timed_out, before.timed_out + crowd);
}

/// Reads to the end, whichever it is, before `deadline`.
fn to_end(tcp: &mut TcpStream, deadline: Instant) {
    let mut answer = [0; 256];
    loop {
        match tcp.read(&mut answer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(Instant::now() < deadline, "it is open still");
                std::thread::sleep(Duration::from_millis(5));
            }
            // Reset: on TLS nobody lingers for bytes that come after the end.
            Err(_) => return,
        }
    }
}

#[test]
fn with_few_descriptors_all_are_served_by_turns() {
    let mut server = ServerProcess::start(Duration::from_secs(10), Some(256));
    get(server.addresses[0]);
    let before = server.until(|state| state.open == 0);
    assert!(raise_max() >= 1500, "this test holds 1,000 connections: raise ulimit -n");
    let begun = Instant::now();
    let mut waiting: Vec<TcpStream> =
        (0..1000).map(|_| TcpStream::connect(server.addresses[0]).expect("the kernel has room")).collect();
    // Three quarters of 256 are open and say nothing; one more is accepted and waits, the rest are the kernel's.
    let full = server.until(|state| state.open == 192);
    assert!(full.descriptors < 256, "{full:?}");
    // Nothing spins meanwhile.
    let used = server.state().cpu_ms;
    std::thread::sleep(Duration::from_millis(500));
    assert!(server.state().cpu_ms - used < 250, "{} ms of CPU in half a second", server.state().cpu_ms - used);
    for tcp in &mut waiting {
        tcp.write_all(LAST_GET.as_bytes()).expect("it is open");
    }
    for mut tcp in waiting {
        let mut answer = String::new();
        tcp.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "before any timed out");
    let after = server.until(|state| (state.open, state.descriptors) == (0, before.descriptors));
    assert_eq!(after.accepted, before.accepted + 1000);
}

#[test]
fn systemd_hands_sockets_over() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let child = command("inherit");
    // The shell moves the socket to where systemd puts it, and is the process that LISTEN_PID names.
    let script = |pid: &str| format!("LISTEN_PID={pid}; export LISTEN_PID; exec \"$0\" \"$@\" 3<&0 </dev/null");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script("$$")]).arg(child.get_program()).args(child.get_args());
    shell.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("LISTEN_FDS", "1").env("LISTEN_FDNAMES", "front");
    shell.stdin(Stdio::from(std::os::fd::OwnedFd::from(listener))).stdout(Stdio::piped()).stderr(Stdio::null());
    let server = ServerProcess::spawn(&mut shell);
    assert_eq!(server.sockets, ["front"]);
    assert_eq!(server.addresses, [address]);
    get(address);
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let mut command = command("serve");
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1").env("LISTEN_FDNAMES", "front");
    let server = ServerProcess::spawn(&mut command);
    assert!(server.sockets.is_empty());
    get(server.addresses[0]);
}

/// What an idle WebSocket is held in is another's to measure; here, that nothing of HTTP is left.
#[test]
fn an_upgraded_connection_is_rid_of_http() {
    const COUNT: u64 = 1000;
    assert!(raise_max() >= COUNT + 500, "this test holds {COUNT} connections: raise ulimit -n");
    let mut server = ServerProcess::start(Duration::from_secs(10), None);
    let upgrade = UPGRADE.replace("/upgrade", "/hold");
    let connect = |address| {
        let mut tcp = TcpStream::connect(address).expect("it accepts");
        tcp.write_all(upgrade.as_bytes()).expect("it reads");
        tcp
    };
    // So many as are made at a time, for what the allocator holds on to.
    let warm: Vec<_> = (0..20).map(|_| connect(server.addresses[0])).collect();
    let before = server.until(|state| (state.sessions, state.tasks) == (20, 20 + LISTENERS));
    let held: Vec<_> = (0..COUNT).map(|_| connect(server.addresses[0])).collect();
    // One task each: the one that spoke HTTP is gone.
    let after = server.until(|state| (state.sessions, state.tasks) == (COUNT + 20, COUNT + 20 + LISTENERS));
    let bytes = (after.kib - before.kib) * 1024 / COUNT;
    println!("{bytes} bytes an upgraded connection");
    assert!(bytes <= 2048, "{bytes} bytes each");
    drop((warm, held));
    server.until(|state| (state.open, state.sessions, state.tasks) == (0, 0, LISTENERS));
}
