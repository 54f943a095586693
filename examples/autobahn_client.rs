//! The client side of the Autobahn suite: asks a fuzzing server how many cases it has, runs them all and has the report
//! written. `tests/autobahn client` starts it: `autobahn_client URL [CASES AT A TIME]`.

use std::{
    env,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bowline_core::{Limits, connection::Config, message::deflate::DeflateConfig, stream::Connector};
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = env::args().skip(1);
    let url: Arc<str> = args.next().ok_or("usage: autobahn_client URL [CASES AT A TIME]")?.into();
    let jobs = args.next().map_or(Ok(1), |number| number.parse())?;
    // Groups 9 and 10 have messages of 16 MiB and of 65,536 fragments.
    let limits = Limits::default().max_message_size(16 << 20).max_fragments(65_536);
    // The suite can't digest an uncompressed message where compression was agreed on: all are compressed, however short.
    let deflate = DeflateConfig::default().threshold(0);
    // And a Ping is an event that no case expects.
    let connector = Connector::new().config(Config::default().limits(limits).deflate(deflate).keepalive(None));

    let count: usize = case_count(&connector, &url).await?;
    let next = Arc::new(AtomicUsize::new(1));
    let mut workers = JoinSet::new();
    for _ in 0..jobs {
        let (connector, url, next) = (connector.clone(), Arc::clone(&url), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let case = next.fetch_add(1, Relaxed);
                if case > count {
                    return;
                }
                if let Err(error) = run_case(&connector, &format!("{url}/runCase?case={case}&agent=bowline")).await {
                    // Most cases are about what must fail: the suite judges, and this is for whoever looks for a reason.
                    eprintln!("case {case}: {error}");
                }
            }
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker?;
    }

    let mut report = connector.connect(&format!("{url}/updateReports?agent=bowline")).await?;
    // The suite may end this connection without a closing handshake.
    while let Ok(Some(_)) = report.recv().await {}
    println!("{count} cases ran");
    Ok(())
}

async fn case_count(connector: &Connector, url: &str) -> Result<usize, Failure> {
    let mut ws = connector.connect(&format!("{url}/getCaseCount")).await?;
    let message = ws.recv().await?.ok_or("the suite closed without a count")?;
    let count = message.as_text().ok_or("the count is not text")?.parse()?;
    while ws.recv().await?.is_some() {}
    Ok(count)
}

async fn run_case(connector: &Connector, url: &str) -> Result<(), Failure> {
    let mut ws = connector.connect(url).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}
