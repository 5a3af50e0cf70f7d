//! Logs as JSON lines on standard error, in the form of hclog, which the CLIs understand.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::time::SystemTime;

use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Longer values are cut: a CLI shows a line of more than 64 KiB in pieces.
const LONGEST_VALUE: usize = 8 * 1024;
/// Fields beyond this many bytes are left out.
const LONGEST_LINE: usize = 48 * 1024;

/// Words in the name of a field whose value is never written.
const SECRET_WORDS: [&str; 12] = [
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "authorization",
    "cookie",
    "ticket",
    "csrf",
    "private_key",
    "api_key",
    "passphrase",
];

/// How much to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    /// The level that `TF_LOG` and its kin ask for. Like the CLIs, everything that is not a level means trace.
    pub(crate) fn asked(text: &str) -> Self {
        match text.trim().to_ascii_lowercase().as_str() {
            "off" | "none" => Self::Off,
            "error" => Self::Error,
            "warn" | "warning" => Self::Warn,
            "info" => Self::Info,
            "debug" => Self::Debug,
            _ => Self::Trace,
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::Off => LevelFilter::OFF,
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

/// Writes the log of this process to standard error from now on.
pub(crate) fn start(level: Level) {
    if level == Level::Off {
        return;
    }
    // A log that cannot be written is no reason to fail.
    let write = |line: &[u8]| drop(io::stderr().lock().write_all(line));
    let log = Hclog { level: level.filter(), write };
    // Fails only if a subscriber is there already; then its owner decides what is logged.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(log));
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or_default();
        tracing::error!(location, panic = text, "the provider panicked");
    }));
}

/// A subscriber layer that gives whole lines to `write`.
struct Hclog<W> {
    level: LevelFilter,
    write: W,
}

impl<W> Hclog<W> {
    /// Other people's crates log what they send and receive, headers included; only their warnings are wanted.
    fn wanted(&self, metadata: &Metadata<'_>) -> bool {
        let root = metadata.target().split("::").next().unwrap_or_default();
        let ours =
            root == "homelab" || root == "api_core" || root.starts_with("tf_") || root.ends_with("_client");
        let most = if ours { self.level } else { self.level.min(LevelFilter::WARN) };
        *metadata.level() <= most
    }
}

impl<S, W> Layer<S> for Hclog<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&[u8]) + 'static,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        if self.wanted(metadata) {
            tracing::subscriber::Interest::always()
        } else {
            tracing::subscriber::Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        self.wanted(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().into_iter().rev() {
            if let Some(inherited) = span.extensions().get::<Fields>() {
                fields.0.extend(inherited.0.clone());
            }
        }
        event.record(&mut fields);
        (self.write)(&line(event.metadata(), fields, SystemTime::now().into()));
    }
}

/// One line. The three keys that the CLI casts without a look are always strings.
fn line(metadata: &Metadata<'_>, mut fields: Fields, now: OffsetDateTime) -> Vec<u8> {
    let message = fields.0.remove("message").unwrap_or_default();
    let message = message.as_str().map_or_else(|| message.to_string(), ToOwned::to_owned);
    let mut line = Map::new();
    line.insert("@level".to_owned(), metadata.level().as_str().to_ascii_lowercase().into());
    line.insert("@message".to_owned(), message.into());
    line.insert("@module".to_owned(), metadata.target().into());
    line.insert("@timestamp".to_owned(), timestamp(now).into());
    let mut length = 0;
    for (name, value) in fields.0 {
        length += name.len() + value.as_str().map_or(8, str::len);
        if length > LONGEST_LINE {
            line.insert("truncated".to_owned(), true.into());
            break;
        }
        line.entry(name).or_insert(value);
    }
    let mut text = Json::Object(line).to_string().into_bytes();
    text.push(b'\n');
    text
}

/// Exactly the form that the CLIs parse: UTC, six decimals.
fn timestamp(now: OffsetDateTime) -> String {
    let (date, month) = (now.date(), u8::from(now.month()));
    let (hour, minute, second, micro) = now.time().as_hms_micro();
    format!("{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z", date.year(), date.day())
}

/// The fields of a span or event, secrets masked and long values cut.
#[derive(Clone, Default)]
struct Fields(Map<String, Json>);

impl Fields {
    fn insert(&mut self, field: &Field, value: Json) {
        let name = field.name();
        let lower = name.to_ascii_lowercase();
        let value =
            if SECRET_WORDS.iter().any(|word| lower.contains(word)) { "(redacted)".into() } else { value };
        self.0.insert(name.to_owned(), value);
    }
}

/// Cuts at a character boundary. Quotes and control characters grow when written as JSON, up to six times, which
/// the limits leave room for only when they are rare; so such a text is cut shorter.
fn cut(text: &str) -> String {
    let grown = |c: char| if c.is_control() || c == '"' || c == '\\' { 6 } else { c.len_utf8() };
    let mut length = 0;
    let end = text.char_indices().find(|(_, c)| {
        length += grown(*c);
        length > LONGEST_VALUE
    });
    match end {
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// Formats no further than what is kept.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() > 2 * LONGEST_VALUE {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded(String::new());
        // An error here means that enough was written.
        let _ = write!(text, "{value:?}");
        self.insert(field, cut(&text.0).into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, cut(value).into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }
}

#[cfg(test)]
mod tests;
