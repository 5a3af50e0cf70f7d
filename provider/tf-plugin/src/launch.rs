//! What the command line and the environment ask of the process, read once.

use std::path::PathBuf;

use crate::log::Level;

/// Proof that a CLI started the process, not a person. Not a secret.
const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Serve the CLI that started us.
    Serve,
    /// Serve any CLI that is told where, until interrupted.
    Debug,
    Version,
    Help,
    /// Say what this program is: a person started it.
    Explain,
    /// An argument that means nothing.
    Refuse,
}

/// The environment of the process, as far as it matters here.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) task: Task,
    /// The only client to let in, as PEM; plain text is served without.
    pub(crate) client_certificate: Option<String>,
    /// Where sockets may be, best first.
    pub(crate) folders: Vec<PathBuf>,
    /// Whether the client expects the seventh field of the handshake.
    pub(crate) multiplex: bool,
    pub(crate) log: Level,
}

impl Launch {
    /// `variable` is the environment; an empty variable is the same as none.
    pub(crate) fn new(
        provider: &str,
        arguments: impl Iterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let variable = |name: &str| variable(name).filter(|text| !text.is_empty());
        let task = match arguments.collect::<Vec<_>>().as_slice() {
            [] if variable(COOKIE.0).as_deref() == Some(COOKIE.1) => Task::Serve,
            [] => Task::Explain,
            [one] => match one.as_str() {
                "--debug" | "-debug" => Task::Debug,
                "--version" | "-version" => Task::Version,
                "--help" | "-help" | "-h" => Task::Help,
                _ => Task::Refuse,
            },
            _ => Task::Refuse,
        };
        let own_log = format!("TF_LOG_PROVIDER_{}", provider.to_uppercase());
        let asked = [own_log.as_str(), "TF_LOG_PROVIDER", "TF_LOG"];
        Self {
            task,
            client_certificate: variable("PLUGIN_CLIENT_CERT").filter(|_| task == Task::Serve),
            folders: [variable("PLUGIN_UNIX_SOCKET_DIR"), variable("TMPDIR"), Some("/tmp".to_owned())]
                .into_iter()
                .flatten()
                .map(PathBuf::from)
                .collect(),
            multiplex: variable("PLUGIN_MULTIPLEX_GRPC").is_some(),
            log: asked.into_iter().find_map(variable).map_or(Level::Off, |text| Level::asked(&text)),
        }
    }
}

/// How the program is used, for a person.
pub(crate) fn usage(provider: &str) -> String {
    format!(
        "This is the {provider} provider, a plugin for OpenTofu and Terraform. It is not started by hand: name it in\n\
         `required_providers` of a configuration and run `tofu init` or `terraform init`, which install and start it.\n\
         \n\
         Usage:\n  \
           terraform-provider-{provider} --version   print the version\n  \
           terraform-provider-{provider} --debug     serve until Ctrl-C, and print the setting that makes a CLI use\n                                     \
             this process; for debuggers\n  \
           terraform-provider-{provider} --help      print this text\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(arguments: &[&str], variables: &[(&str, &str)]) -> Launch {
        Launch::new("toy", arguments.iter().map(|text| (*text).to_owned()), |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn only_the_right_cookie_starts_the_plugin() {
        assert_eq!(launch(&[], &[COOKIE]).task, Task::Serve);
        assert_eq!(launch(&[], &[(COOKIE.0, "d602")]).task, Task::Explain);
        assert_eq!(launch(&[], &[]).task, Task::Explain);
    }

    #[test]
    fn arguments_are_known_with_one_dash_and_with_two() {
        for (text, task) in [
            ("-debug", Task::Debug),
            ("--debug", Task::Debug),
            ("-version", Task::Version),
            ("--version", Task::Version),
            ("--help", Task::Help),
            ("--verbose", Task::Refuse),
        ] {
            assert_eq!(launch(&[text], &[COOKIE]).task, task, "{text}");
        }
        assert_eq!(launch(&["--debug", "--debug"], &[]).task, Task::Refuse);
    }

    #[test]
    fn the_most_special_log_variable_wins_and_an_empty_one_is_none() {
        let all = [("TF_LOG_PROVIDER_TOY", "error"), ("TF_LOG_PROVIDER", "info"), ("TF_LOG", "trace")];
        assert_eq!(launch(&[], &all).log, Level::Error);
        assert_eq!(launch(&[], &all[1..]).log, Level::Info);
        assert_eq!(launch(&[], &[("TF_LOG_PROVIDER", ""), ("TF_LOG", "trace")]).log, Level::Trace);
        assert_eq!(launch(&[], &[]).log, Level::Off);
    }

    #[test]
    fn a_socket_goes_where_the_core_says_and_else_to_the_temporary_folder() {
        let both = [("PLUGIN_UNIX_SOCKET_DIR", "/a"), ("TMPDIR", "/b")];
        assert_eq!(launch(&[], &both).folders, ["/a", "/b", "/tmp"].map(PathBuf::from));
    }

    #[test]
    fn a_debugged_process_serves_plain_text() {
        let certificate = ("PLUGIN_CLIENT_CERT", "-----BEGIN");
        assert_eq!(launch(&["--debug"], &[certificate]).client_certificate, None);
        assert!(launch(&[], &[COOKIE, certificate]).client_certificate.is_some());
    }
}
