//! Calendar events in plans: what Proxmox VE accepts without a word and the author hardly meant.

use backup_policy::{CalendarEvent, Concern, Zone};
use jiff::Timestamp;
use tf_framework::prelude::*;

/// Warns of an event that fires otherwise than it looks, and refuses one that never fires.
pub(super) fn check<M: SchemaModel>(plan: &mut Plan<'_, M>, attribute: &str) {
    let text = plan.config.attribute(attribute).as_str().map(str::to_owned);
    let Some((text, event)) = text.and_then(|text| Some((text.clone(), text.parse::<CalendarEvent>().ok()?)))
    else {
        return;
    };
    for concern in event.concerns(Timestamp::now(), &Zone::utc()) {
        let detail = format!("The schedule {text:?} is valid, but {concern}.");
        match concern {
            Concern::NeverFires => plan.error(attribute, "Schedule never fires", format!("{detail} Correct its dates.")),
            Concern::HourlyByAccident { .. } => plan.warn(
                attribute,
                "Schedule fires every hour",
                format!("{detail} Write the hour and the minute, such as `21:00`. If every hour is meant, write `*:00`."),
            ),
            Concern::SkipsShortMonths { .. } | Concern::Ends { .. } => {
                plan.warn(attribute, "Schedule leaves gaps", format!("{detail} Make sure that this is meant."));
            }
            // The node's own time is what most people mean.
            _ => {}
        }
    }
}
