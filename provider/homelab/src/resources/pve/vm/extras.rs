//! Small devices of which a machine has one or none: random numbers, watchdog, sound.

use pve_client::VmConfig;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{Writes, option, option_of, property};

/// Wire keys.
const RNG: &str = "rng0";
const WATCHDOG: &str = "watchdog";
const AUDIO: &str = "audio0";

/// Names under which the first value may stand in its property string.
const SOURCE: Option<&str> = Some("source");
const MODEL: Option<&str> = Some("model");

/// The watchdog of a machine that says no model.
pub(super) const WATCHDOG_MODEL: &str = "i6300esb";

/// A device that gives the guest random numbers.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Rng {
    /// Where the node takes them from. `/dev/urandom` is as good as the others and never runs dry. `/dev/hwrng` is a
    /// device of the node, and needs the privilege Mapping.Use on `/mapping/hwrng`.
    #[schema(wire = "source", validate = one_of(["/dev/urandom", "/dev/random", "/dev/hwrng"]))]
    pub source: String,

    /// Most bytes in each period. Proxmox VE's default is 1024; 0 is no limit, with which a guest can starve the node.
    #[schema(wire = "max_bytes", validate = range(0, i64::from(i32::MAX)))]
    pub max_bytes: Option<u32>,

    /// Length of a period in milliseconds. Proxmox VE's default is 1000.
    #[schema(wire = "period", validate = range(1, i64::from(i32::MAX)))]
    pub period_milliseconds: Option<u32>,
}

/// A device that acts when the guest stops feeding it.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Watchdog {
    /// Model that the guest sees. By default a clone has that of its template, any other `i6300esb`.
    #[schema(wire = "model", validate = one_of(["i6300esb", "ib700"]))]
    pub model: Defaulted<String>,

    /// What happens when the guest hangs. By default that is `reset`.
    #[schema(wire = "action", validate = one_of(["reset", "shutdown", "poweroff", "pause", "debug", "none"]))]
    pub action: Option<String>,
}

/// A sound card.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Audio {
    /// Model that the guest sees.
    #[schema(wire = "device", validate = one_of(["ich9-intel-hda", "intel-hda", "AC97"]))]
    pub device: String,

    /// Where the sound goes. Proxmox VE's default is `spice`.
    #[schema(wire = "driver", validate = one_of(["spice", "none"]))]
    pub driver: Option<String>,
}

/// The source of random numbers that a configuration has.
pub(super) fn read_rng(named: Named<'_, Rng>, config: &VmConfig) -> Option<Rng> {
    config.value(RNG)?;
    let found = property(config, RNG, SOURCE);
    named.object(|rng| Rng {
        source: found.default.clone().unwrap_or_default(),
        max_bytes: rng.of(|r| &r.max_bytes).or(option_of(&found, "max_bytes"), 1024_u32),
        period_milliseconds: rng.of(|r| &r.period_milliseconds).or(option_of(&found, "period"), 1000_u32),
    })
}

/// The watchdog that a configuration has.
pub(super) fn read_watchdog(named: Named<'_, Watchdog>, config: &VmConfig) -> Option<Watchdog> {
    config.value(WATCHDOG)?;
    let found = property(config, WATCHDOG, MODEL);
    named.filled(true, |watchdog| Watchdog {
        model: found.default.clone().unwrap_or_else(|| WATCHDOG_MODEL.to_owned()).into(),
        action: watchdog.of(|w| &w.action).or(found.value("action").map(str::to_owned), "reset"),
    })
}

/// The sound card that a configuration has.
pub(super) fn read_audio(named: Named<'_, Audio>, config: &VmConfig) -> Option<Audio> {
    config.value(AUDIO)?;
    let found = property(config, AUDIO, None);
    named.object(|audio| Audio {
        device: found.value("device").unwrap_or_default().to_owned(),
        driver: audio.of(|a| &a.driver).or(found.value("driver").map(str::to_owned), "spice"),
    })
}

/// Writes what changes of the source of random numbers.
pub(super) fn write_rng(rng: Pair<'_, Rng>, out: &mut Writes<'_>) {
    let Some(want) = rng.want else { return gone(rng.prior.is_some(), RNG, out) };
    out.property(RNG, SOURCE, |property| {
        property.default = Some(want.source.clone());
        option(property, "max_bytes", rng.wish(|r| &r.max_bytes));
        option(property, "period", rng.wish(|r| &r.period_milliseconds));
    });
}

/// Writes what changes of the watchdog.
pub(super) fn write_watchdog(watchdog: Pair<'_, Watchdog>, out: &mut Writes<'_>) {
    if watchdog.want.is_none() {
        return gone(watchdog.prior.is_some(), WATCHDOG, out);
    }
    out.property(WATCHDOG, MODEL, |property| {
        option(property, "action", watchdog.wish(|w| &w.action));
        let says_action = !property.options.is_empty();
        match watchdog.filled(|w| &w.model) {
            Edit::Set(model) if property.default.is_none() && model == WATCHDOG_MODEL && says_action => {}
            Edit::Set(model) => property.default = Some(model.clone()),
            // Without any value there would be no watchdog.
            _ if !says_action && property.default.is_none() => {
                property.default = Some(WATCHDOG_MODEL.to_owned())
            }
            _ => {}
        }
    });
}

/// Writes what changes of the sound card.
pub(super) fn write_audio(audio: Pair<'_, Audio>, out: &mut Writes<'_>) {
    let Some(want) = audio.want else { return gone(audio.prior.is_some(), AUDIO, out) };
    out.property(AUDIO, None, |property| {
        property.set("device", Some(&want.device));
        option(property, "driver", audio.wish(|a| &a.driver));
    });
}

fn gone(was_named: bool, key: &str, out: &mut Writes<'_>) {
    if was_named {
        out.remove(key);
    }
}
