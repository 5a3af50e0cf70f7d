//! Rules over several arguments, for `validate` hooks. Values known only after apply never fail a rule.

use crate::diagnostics::Diagnostics;
use crate::path::Path;
use crate::value::Value;

fn count(config: &Value, names: &[&str]) -> (usize, bool) {
    let values = || names.iter().map(|name| config.at(&Path::from(*name)));
    (values().filter(|value| value.is_set()).count(), values().any(Value::is_unknown))
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Exactly one of the arguments must be set.
pub fn exactly_one_of(config: &Value, names: &[&str], out: &mut Diagnostics) {
    let (set, unknown) = count(config, names);
    if set == 0 && !unknown {
        out.error(Path::from(names[0]), "Missing argument", format!("One of {} must be set.", list(names)));
    }
    conflicts(config, names, out);
}

/// At most one of the arguments may be set.
pub fn conflicts(config: &Value, names: &[&str], out: &mut Diagnostics) {
    let (set, _) = count(config, names);
    if set > 1 {
        let blame = names.iter().rfind(|name| config.at(&Path::from(**name)).is_set()).unwrap_or(&names[0]);
        out.error(
            Path::from(*blame),
            "Conflicting arguments",
            format!("Only one of {} may be set.", list(names)),
        );
    }
}

/// When `name` is set, all of `others` must be set too.
pub fn also_requires(config: &Value, name: &str, others: &[&str], out: &mut Diagnostics) {
    if !config.at(&Path::from(name)).is_set() {
        return;
    }
    for other in others.iter().filter(|other| config.at(&Path::from(**other)).is_null()) {
        out.error(
            Path::from(name),
            "Missing argument",
            format!("The argument `{name}` needs `{other}` to be set too."),
        );
    }
}
