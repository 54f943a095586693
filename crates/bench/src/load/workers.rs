//! Parts of a load: a thread of this process, or processes of their own where one has too few descriptors.

use std::io::{self, BufRead, BufReader, Read, Write, stdin, stdout};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use super::crowd::poller;
use super::part;
use super::slice::{Slice, sockets};
use super::words::{Order, Orders, PartReport, Said, Word};
use crate::{Error, LoadPlan, MAX_PROCESSES, dial};

/// How a load process is told from other uses of the program that this library is in.
const ARGUMENTS: [&str; 2] = ["bench", "worker"];

/// How many processes a plan takes.
pub(super) fn count(plan: &LoadPlan) -> Result<usize, Error> {
    if plan.processes > 0 {
        return Ok(plan.processes.min(plan.clients));
    }
    let Err(short) = dial::reserve(sockets(plan, plan.clients, true)) else { return Ok(1) };
    let fits = |&processes: &usize| dial::reserve(sockets(plan, plan.clients.div_ceil(processes), true)).is_ok();
    (2..=MAX_PROCESSES).find(fits).ok_or(short)
}

/// A part that is under way. Dropping it ends it.
pub(super) enum Worker {
    Thread { orders: Option<Orders>, thread: Option<JoinHandle<()>> },
    Process { child: Child, orders: ChildStdin },
}

impl Worker {
    /// Begins a part in this process.
    pub(super) fn thread(index: usize, slice: Slice, said: Sender<Said>) -> Result<Self, Error> {
        let (poll, waker) = poller()?;
        let (sender, receiver) = channel();
        let run = move || {
            // Where nobody listens any more, the orders end too.
            let outcome = part::run(&slice, poll, &receiver, &mut |word| drop(said.send((index, Ok(word)))));
            drop(said.send((index, outcome.map(|report| Word::Done(Box::new(report))))));
        };
        let thread = thread::Builder::new().name("load".into()).spawn(run).map_err(Error::io("start a thread"))?;
        Ok(Self::Thread { orders: Some(Orders::new(sender, waker)), thread: Some(thread) })
    }

    /// Begins a part in a process of its own.
    pub(super) fn process(index: usize, slice: &Slice, said: Sender<Said>) -> Result<Self, Error> {
        let start = Error::io("start a load process");
        let mut child = Command::new(std::env::current_exe().map_err(&start)?)
            .args(ARGUMENTS)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What interrupts this one from a terminal is to end the measuring, and is not for its processes.
            .process_group(0)
            .spawn()
            .map_err(&start)?;
        let (Some(orders), Some(words)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(start(io::ErrorKind::BrokenPipe.into()));
        };
        let pid = child.id();
        let mut worker = Self::Process { child, orders };
        worker.write(slice).map_err(&start)?;
        let listen = move || {
            for word in BufReader::new(words).lines().map_while(Result::ok).filter_map(|line| read(&line)) {
                drop(said.send((index, word)));
            }
            drop(said.send((index, Err(Error::Worker { problem: format!("process {pid} ended without a report") }))));
        };
        thread::Builder::new().name("load-words".into()).spawn(listen).map_err(start)?;
        Ok(worker)
    }

    /// Gives an order. One that is gone has said why, or will be found to be gone.
    pub(super) fn give(&mut self, order: Order) {
        match self {
            Self::Thread { orders: Some(orders), .. } => orders.give(order),
            Self::Thread { orders: None, .. } => {}
            Self::Process { .. } => drop(self.write(&order)),
        }
    }

    fn write(&mut self, line: &impl serde::Serialize) -> io::Result<()> {
        let Self::Process { orders, .. } = self else { return Ok(()) };
        write_line(orders, line)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        match self {
            Self::Thread { orders, thread } => {
                *orders = None;
                // What it panicked of is printed.
                let _has_panicked = thread.take().map(JoinHandle::join);
            }
            Self::Process { child, .. } => {
                let _is_gone = child.kill();
                let _is_gone = child.wait();
            }
        }
    }
}

fn read(line: &str) -> Option<Result<Word, Error>> {
    // Anything else on the standard output is not of the load.
    Some(match serde_json::from_str(line).ok()? {
        Word::Failed(problem) => Err(Error::Worker { problem }),
        word => Ok(word),
    })
}

fn write_line(to: &mut impl Write, what: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Carries out the part of a load that comes on the standard input, as `bowline bench worker` does; words about it go to the standard
/// output. The program that starts loads of several processes must call this when its arguments are `bench worker`.
///
/// # Errors
/// An input that is no part of a load. What goes wrong with the load itself is told on the standard output.
pub fn worker() -> Result<(), Error> {
    let wrong = Error::io("read the part of a load from the standard input");
    let mut input = BufReader::new(stdin());
    let mut line = String::new();
    input.read_line(&mut line).map_err(&wrong)?;
    let slice: Slice = serde_json::from_str(&line).map_err(|error| wrong(error.into()))?;
    let word = match carry_out(&slice, input) {
        Ok(report) => Word::Done(Box::new(report)),
        Err(error) => {
            let source = std::error::Error::source(&error).map(|source| format!(" ({source})")).unwrap_or_default();
            Word::Failed(format!("{error}{source}"))
        }
    };
    write_line(&mut stdout(), &word).map_err(Error::io("write to the standard output"))
}

fn carry_out(slice: &Slice, input: BufReader<impl Read + Send + 'static>) -> Result<PartReport, Error> {
    let (poll, waker) = poller()?;
    let (sender, receiver) = channel();
    let orders = Orders::new(sender, waker);
    // With the end of the input the orders end, and with them the part.
    let listen = move || {
        let lines = input.lines().map_while(Result::ok);
        lines.filter_map(|line| serde_json::from_str(&line).ok()).for_each(|order| orders.give(order));
    };
    thread::Builder::new().name("orders".into()).spawn(listen).map_err(Error::io("start a thread"))?;
    // Where nobody reads, nobody gives orders either.
    part::run(slice, poll, &receiver, &mut |word| drop(write_line(&mut stdout(), &word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Traffic, Transport};

    fn plan(clients: usize) -> LoadPlan {
        let mut plan = LoadPlan::new("ws://127.0.0.1:9/".parse().unwrap(), Transport::Comet, Traffic::Echo);
        plan.clients = clients;
        plan
    }

    #[test]
    fn as_many_processes_as_descriptors_ask_for() {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        let limit = usize::try_from(limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        assert_eq!(count(&plan(10)).unwrap(), 1);
        let mut asked = plan(10);
        asked.processes = 4;
        assert_eq!(count(&asked).unwrap(), 4);
        asked.processes = 20;
        assert_eq!(count(&asked).unwrap(), 10);
        if limit < 1_000_000 {
            // Each client has two connections.
            assert_eq!(count(&plan(limit)).unwrap(), 3);
            assert!(matches!(count(&plan(limit * MAX_PROCESSES)), Err(Error::Descriptors { .. })));
        }
    }

    #[test]
    fn a_part_ends_with_who_gives_it_orders() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut plan = plan(1);
        // It would be waited for longer than for any test.
        plan.open_timeout = std::time::Duration::from_secs(3_600);
        plan.target = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let outcome = carry_out(&Slice::split(&plan, 1)[0], BufReader::new(&b""[..]));
        assert!(outcome.unwrap_err().to_string().contains("nobody waits"));
    }

    #[test]
    fn words_come_back_from_their_lines() {
        let mut line = Vec::new();
        write_line(&mut line, &Word::Published(7)).unwrap();
        assert_eq!(line, b"{\"published\":7}\n");
        assert!(matches!(read("{\"published\":7}"), Some(Ok(Word::Published(7)))));
        assert!(matches!(read("{\"failed\":\"no\"}"), Some(Err(Error::Worker { problem })) if problem == "no"));
        assert!(read("running 5 tests").is_none());
        let order = serde_json::to_string(&Order::Start(5)).unwrap();
        assert_eq!(serde_json::from_str::<Order>(&order).unwrap(), Order::Start(5));
    }
}
