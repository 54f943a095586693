//! Settings as a file that says the same.

use std::fmt::Write as _;

use super::kind::quoted;
use super::{ALL, ROOM_DEFAULTS, Setting, Settings};

impl Settings {
    /// All of them as TOML, each with its meaning.
    pub(crate) fn to_toml(&self) -> String {
        let mut toml = String::from("# What is in force. Flags come before the file, the file before the defaults.\n");
        let mut table = "";
        for setting in ALL {
            if setting.table != table {
                table = setting.table;
                // Writing to a String doesn't fail.
                let _ = writeln!(toml, "\n[{table}]");
            }
            let _ = writeln!(toml, "# {}{}", setting.help, if setting.reloads() { " (SIGHUP)" } else { "" });
            line(&mut toml, setting, self);
        }
        for (pattern, rooms) in &self.rooms {
            let _ = writeln!(toml, "\n[[rooms]]\npattern = {}", quoted(pattern));
            let scratch = Self { room_defaults: rooms.clone(), ..Self::default() };
            for setting in ALL.iter().filter(|setting| setting.table == ROOM_DEFAULTS) {
                line(&mut toml, setting, &scratch);
            }
        }
        toml
    }
}

fn line(toml: &mut String, setting: &Setting, settings: &Settings) {
    let _ = writeln!(toml, "{} = {}", setting.key, (setting.show)(settings));
}

#[cfg(test)]
mod tests {
    use super::super::{ConfigFile, Settings};

    fn read(toml: &str) -> Settings {
        let file = ConfigFile::parse("a.toml", toml).expect("right");
        let mut settings = Settings::default();
        file.apply(&mut settings).expect("right");
        file.apply_rooms(&mut settings).expect("right");
        settings
    }

    #[test]
    fn what_is_shown_says_the_same_when_it_is_read() {
        assert_eq!(read(&Settings::default().to_toml()), Settings::default());
        let unlike = read(
            "[listener]\nlisten = [\"a:1\", \"[::]:2\"]\nthreads = 3\nmax_connections_per_ip = 9\n\
             [tls]\ncert = \"a \\\"b\\\".pem\"\nkey = \"ü\\\\.pem\"\n[guards]\nallow_origin = [\"https://a\", \"*\"]\n\
             [limits]\nmax_message_size = \"unlimited\"\nmessage_timeout = \"off\"\nmax_head_size = 1000\n\
             [keepalive]\nping_interval = 0.125\n[drain]\nwindow = 0\n\
             [[rooms]]\npattern = \"a\\\"*\"\nslow_consumer = \"backpressure\"\n[[rooms]]\npattern = \"*b\"\npresence = true",
        );
        assert_ne!(unlike, Settings::default());
        assert_eq!(unlike.rooms.len(), 2);
        assert_eq!(read(&unlike.to_toml()), unlike, "{}", unlike.to_toml());
    }
}
