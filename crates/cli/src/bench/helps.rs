//! What flags that several scenarios share are in each, where they aren't given.

use clap::Command;

/// Scenario, flag, and what its help ends with.
const DEFAULTS: [(&str, &str, &str); 32] = [
    ("echo", "clients", "[default: 100, in a closed loop 64]"),
    ("echo", "rate", "[default: 1000]"),
    ("echo", "size", "[default: 128, in a closed loop 125, and 0 or more]"),
    ("echo", "duration", "[default: 10, in a closed loop 5]"),
    ("fanout", "clients", "[default: 1000]"),
    ("fanout", "rate", "[default: 10]"),
    ("fanout", "size", "[default: 128, in a closed loop 64, and 8 or more]"),
    ("fanout", "duration", "[default: 10, in a closed loop 5]"),
    ("rooms", "clients", "[default: 1000]"),
    ("rooms", "rate", "[default: 100]"),
    ("rooms", "size", "[default: 50]"),
    ("rooms", "duration", "[default: 10]"),
    ("slow", "clients", "[default: 200]"),
    ("slow", "rate", "[default: 100]"),
    ("slow", "size", "[default: 1024]"),
    ("slow", "duration", "[default: 10]"),
    ("compare", "clients", "[default: 200]"),
    ("compare", "rate", "[default: 20]"),
    ("compare", "size", "[default: 128]"),
    ("compare", "duration", "[default: 10]"),
    ("resume", "rooms", "[default: 10]"),
    ("resume", "rate", "[default: 200]"),
    ("resume", "size", "[default: 128]"),
    ("resume", "duration", "[default: 20]"),
    ("resume", "drain", "[default: 10]"),
    ("resume", "backoff", "[default: 6s]"),
    ("chat", "rooms", "[default: 20]"),
    ("chat", "rate", "[default: 100]"),
    ("chat", "size", "[default: 128]"),
    ("chat", "duration", "[default: 60]"),
    ("chat", "drain", "[default: 30]"),
    ("chat", "backoff", "[default: 1s]"),
];

/// Has the help of each scenario tell its own.
pub(crate) fn tell_defaults(command: Command) -> Command {
    command.mut_subcommand("bench", |bench| {
        DEFAULTS.into_iter().fold(bench, |bench, (scenario, flag, default)| {
            bench.mut_subcommand(scenario, |scenario| {
                scenario.mut_arg(flag, |arg| {
                    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                    arg.help(format!("{help} {default}"))
                })
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use bowline_bench::{ChatPlan, ResumePlan, Talk, Transport};

    use super::*;

    #[test]
    fn those_of_talking_clients_are_the_plans() {
        let target = || "http://127.0.0.1:1/".parse().unwrap();
        let resume = ResumePlan::new(target(), Transport::Comet).talk;
        for (scenario, talk) in [("resume", resume), ("chat", ChatPlan::new(target()).talk)] {
            for (_, flag, told) in DEFAULTS.into_iter().filter(|(name, ..)| *name == scenario) {
                assert_eq!(told, format!("[default: {}]", value(&talk, flag)), "{scenario} --{flag}");
            }
        }
    }

    fn value(talk: &Talk, flag: &str) -> String {
        match flag {
            "rooms" => talk.rooms.to_string(),
            "rate" => talk.rate.to_string(),
            "size" => talk.size.to_string(),
            "duration" => talk.duration.as_secs().to_string(),
            "drain" => talk.drain_timeout.as_secs().to_string(),
            "backoff" => format!("{}s", talk.backoff.as_secs()),
            other => panic!("{other}"),
        }
    }
}
