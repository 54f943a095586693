//! A flag for each setting.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, ValueHint, value_parser};

use super::kind::Form;
use super::{ALL, Setting, Settings};
use crate::args::LogArgs;

/// Flags of `bowline serve`.
#[derive(Debug)]
pub(crate) struct ServeArgs {
    /// Where settings are that no flag gives.
    pub(crate) config: Option<PathBuf>,
    /// Only show what would be in force.
    pub(crate) print_config: bool,
    /// End with who started it.
    pub(crate) until_stdin_ends: bool,
    pub(crate) log: LogArgs,
    given: Vec<(&'static Setting, Vec<String>)>,
}

impl ServeArgs {
    /// Puts what was given in force. Each value is one: clap has asked.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), String> {
        for (setting, texts) in &self.given {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            (setting.set)(settings, &texts).map_err(|error| format!("--{} {texts:?}: {error}", setting.flag))?;
        }
        Ok(())
    }
}

/// Where the flags stand that are no settings.
const FILE: &str = "Configuration";

impl Args for ServeArgs {
    fn augment_args(command: Command) -> Command {
        let defaults = Settings::default();
        let command = command
            .arg(
                Arg::new("config")
                    .long("config")
                    .short('c')
                    .value_name("FILE")
                    .value_hint(ValueHint::FilePath)
                    .value_parser(value_parser!(PathBuf))
                    .help_heading(FILE)
                    .help("Read settings from a TOML file; flags come before it"),
            )
            .arg(
                Arg::new("print_config")
                    .long("print-config")
                    .action(ArgAction::SetTrue)
                    .help_heading(FILE)
                    .help("Print all settings that would be in force, as such a file, and exit"),
            )
            .arg(
                Arg::new("until_stdin_ends")
                    .long("until-stdin-ends")
                    .action(ArgAction::SetTrue)
                    .hide(true)
                    .help("Stop, as by SIGTERM, when standard input ends: `bench` starts servers with it"),
            );
        let command = ALL.iter().fold(command, |command, setting| command.arg(flag(setting, &defaults)));
        LogArgs::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(setting: &'static Setting, defaults: &Settings) -> Arg {
    let check = move |text: &str| (setting.set)(&mut Settings::default(), &[text]).map(|()| text.to_owned());
    let default = (setting.show)(defaults);
    let default = default.trim_matches('"');
    let help = match default {
        "" | "[]" => setting.help.to_owned(),
        default => format!("{} [default: {default}]", setting.help),
    };
    let arg = Arg::new(setting.flag)
        .long(setting.flag)
        .value_name(setting.name)
        .value_parser(check)
        .help_heading(setting.heading)
        .help(help);
    // As the other commands have them.
    let arg = match setting.flag {
        "listen" => arg.short('l'),
        "threads" => arg.short('t'),
        _ => arg,
    };
    match setting.form {
        Form::List => arg.action(ArgAction::Append),
        Form::Switch => arg.num_args(0..=1).default_missing_value("true"),
        Form::Number | Form::Text => arg,
    }
}

impl FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = |setting: &'static Setting| {
            let texts = matches.get_many::<String>(setting.flag)?;
            Some((setting, texts.cloned().collect()))
        };
        Ok(Self {
            config: matches.get_one::<PathBuf>("config").cloned(),
            print_config: matches.get_flag("print_config"),
            until_stdin_ends: matches.get_flag("until_stdin_ends"),
            log: LogArgs::from_arg_matches(matches)?,
            given: ALL.iter().filter_map(given).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
