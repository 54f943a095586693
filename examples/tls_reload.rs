//! TLS, and a new certificate without a restart: connections that are open go on with the old one.
//! `cargo run --example tls_reload`.

use std::{error::Error, fs, path::Path, sync::Arc};

use bowline_core::{
    Message,
    stream::{Connector, TlsConfig},
};
use bowline_server::{
    Hub,
    http::Guards,
    listener::{Endpoint, Server, Tls},
};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::ring, pki_types::CertificateDer};

type Failure = Box<dyn Error + Send + Sync>;

/// Makes a certificate for localhost, as an authority would, and gives a client that trusts it alone.
fn issue(directory: &Path) -> Result<Connector, Failure> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    fs::write(directory.join("key.pem"), made.signing_key.serialize_pem())?;
    fs::write(directory.join("chain.pem"), made.cert.pem())?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec()))?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // One that resumes its TLS session is not shown a certificate again, and here it is to be.
    config.resumption = Resumption::disabled();
    Ok(Connector::new().tls(TlsConfig::new(Arc::new(config))))
}

async fn run(directory: &Path) -> Result<(), Failure> {
    let first = issue(directory)?;
    let tls = Tls::from_pem_files(directory.join("chain.pem"), directory.join("key.pem"))?;
    let hub = Hub::builder().build();
    let endpoint = Endpoint::address("localhost:0").tls(tls.clone());
    let running = Server::new().listen(endpoint).bind()?.serve(hub.service(Guards::new()));
    let url = format!("wss://localhost:{}/ws", running.local_addrs()[0].port());

    let mut before = first.connect(&url).await?;
    before.send("with the first").await?;
    assert_eq!(before.recv().await?, Some(Message::text("with the first")));

    // What a service does on SIGHUP. If a file is wrong, it says which and why, and the old certificate stays.
    fs::write(directory.join("key.pem"), "no key")?;
    let error = tls.reload().err().ok_or("that is no key")?;
    println!("{error}");
    let second = issue(directory)?;
    tls.reload()?;

    assert!(first.connect(&url).await.is_err(), "the first certificate is shown to nobody any more");
    let mut after = second.connect(&url).await?;
    for (client, text) in [(&mut before, "still here"), (&mut after, "with the second")] {
        client.send(text).await?;
        assert_eq!(client.recv().await?, Some(Message::text(text)));
        println!("{text}");
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let directory = std::env::temp_dir().join(format!("bowline-tls-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let ran = run(&directory).await;
    fs::remove_dir_all(&directory)?;
    ran
}
