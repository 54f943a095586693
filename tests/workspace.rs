//! What the workspace's own files say of it must be true.

use bowline_core::Limits;

const README: &str = include_str!("../README.md");

/// The README names the oldest Rust that works, as `Cargo.toml` does; `tests/run` builds with it or newer.
#[test]
fn readme_names_the_rust_version() {
    assert!(README.contains(concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"), " or newer")));
}

/// The README's table of limits has every default of [`Limits`], as it is.
#[test]
fn readme_names_the_default_limits() {
    let limits = Limits::default();
    assert_eq!(limits.get_max_frame_size(), usize::MAX, "the table says that there is none");
    let rows = [
        ("max_message_size", bytes(limits.get_max_message_size())),
        ("max_frame_size", "none".to_owned()),
        ("max_fragments", thousands(limits.get_max_fragments())),
        ("message_timeout", format!("{} s", limits.get_message_timeout().as_secs())),
        ("max_inflate_ratio", limits.get_max_inflate_ratio().to_string()),
        ("max_control_rate", limits.get_max_control_rate().to_string()),
        ("max_write_buffer", bytes(limits.get_max_write_buffer())),
        ("write_timeout", format!("{} s", limits.get_write_timeout().as_secs())),
        ("close_timeout", format!("{} s", limits.get_close_timeout().as_secs())),
        ("max_head_size", bytes(limits.get_max_head_size())),
        ("max_headers", limits.get_max_headers().to_string()),
        ("handshake_timeout", format!("{} s", limits.get_handshake_timeout().as_secs())),
    ];
    for (limit, default) in &rows {
        let row = format!("| `{limit}` | {default} ");
        assert!(README.contains(&row), "README.md has no row that begins with {row:?}");
    }
    // A limit that is added shows as a field, and needs a row.
    let fields = format!("{limits:?}").matches(": ").count();
    assert_eq!(fields, rows.len(), "README.md has a row for each limit");
}

const LOCK: &str = include_str!("../Cargo.lock");
const DENY: &str = include_str!("../deny.toml");

/// Threats H13 and H14: `deny.toml` names the oldest versions without the advisories, and what is locked is no older. Of what
/// it denies for good, nothing is locked.
#[test]
fn what_is_locked_is_not_denied() {
    let number = |version: &str| version.split('.').map(|part| part.parse().unwrap_or(u64::MAX)).collect::<Vec<_>>();
    let mut floors = 0;
    for rule in DENY.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \"")?.split('"').next()) {
        let (name, oldest) = rule.split_once(":<").map_or((rule, None), |(name, oldest)| (name, Some(oldest)));
        let head = format!("name = \"{name}\"\nversion = \"");
        let locked: Vec<_> = LOCK.split(&*head).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        if let Some(oldest) = oldest {
            floors += 1;
            assert!(
                !locked.is_empty() && locked.iter().all(|locked| number(locked) >= number(oldest)),
                "{name} {locked:?}"
            );
        } else {
            assert!(locked.is_empty(), "{name} {locked:?}");
        }
    }
    assert_eq!(floors, 2, "h2 and rustls");
}

/// The version of node's ws that Bowline is measured beside is the one that its clients and servers are tested with.
#[test]
fn one_version_of_ws() {
    let named =
        |package: &str| package.split_once("\"ws\": ").and_then(|(_, rest)| Some(rest.lines().next()?.to_owned()));
    let tested = named(include_str!("package.json"));
    assert!(tested.is_some());
    assert_eq!(tested, named(include_str!("../benches/peers/node/package.json")), "benches/peers/node");
}

fn bytes(number: usize) -> String {
    match number {
        mebibytes if mebibytes % (1 << 20) == 0 => format!("{} MiB", mebibytes >> 20),
        kibibytes if kibibytes % (1 << 10) == 0 => format!("{} KiB", kibibytes >> 10),
        other => thousands(other),
    }
}

fn thousands(number: usize) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

/// bowline-server's crate documentation is the README, also in its package, which has no parent folder.
#[test]
fn readme_is_the_servers_documentation() {
    let link = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/server/README.md");
    assert_eq!(std::fs::read_to_string(link).expect("a link to it"), README);
}

/// What the README links to is there.
#[test]
fn readme_links_to_what_there_is() {
    let links = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files: Vec<_> = links.filter(|link| !link.starts_with('#') && !link.contains("://")).collect();
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        assert!(path.exists(), "README.md links to {file}");
    }
}
