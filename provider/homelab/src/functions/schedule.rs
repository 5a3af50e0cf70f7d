//! What the functions about schedules share: reading a calendar event, a zone and a moment.

use backup_policy::{CalendarEvent, Timestamp, Zone};
use tf_framework::prelude::*;

/// The parameter that both begin with.
pub(super) fn event_parameter() -> Parameter {
    Parameter {
        name: "event".to_owned(),
        ty: Type::String,
        allow_null: false,
        allow_unknown: false,
        description: "A calendar event of Proxmox VE, such as `mon..fri 02:30` or `sun 21:00 UTC`."
            .to_owned(),
    }
}

/// The zone, which may be left out.
pub(super) fn zone_parameter() -> Parameter {
    Parameter {
        name: "zone".to_owned(),
        ty: Type::String,
        allow_null: false,
        allow_unknown: false,
        description: "Zone of the node's clock, such as `Europe/Berlin`; `UTC` if it is left out. An event that ends in \
                      `UTC` does not heed it."
            .to_owned(),
    }
}

fn text(args: &[Value], index: usize) -> &str {
    args.get(index).and_then(Value::as_str).unwrap_or_default()
}

/// The calendar event at the beginning.
pub(super) fn event(args: &[Value]) -> Result<CalendarEvent, FunctionError> {
    text(args, 0).parse().map_err(|error| FunctionError::argument(0, format!("This is no event: {error}.")))
}

/// The zone at `index`, of which there may be one at most.
pub(super) fn zone(args: &[Value], index: usize) -> Result<Zone, FunctionError> {
    if args.len() > index + 1 {
        return Err(FunctionError::new("There can be one zone at most."));
    }
    if args.len() <= index {
        return Ok(Zone::utc());
    }
    let position = i64::try_from(index).unwrap_or_default();
    Zone::named(text(args, index))
        .map_err(|error| FunctionError::argument(position, format!("This is no zone: {error}.")))
}

/// The moment at `index`.
pub(super) fn moment(args: &[Value], index: usize) -> Result<Timestamp, FunctionError> {
    let position = i64::try_from(index).unwrap_or_default();
    text(args, index).parse().map_err(|_| {
        FunctionError::argument(
            position,
            "This is no moment: write it as RFC 3339 says, such as `2027-01-31T00:00:00Z`; `plantimestamp()` gives the \
             moment of the plan.",
        )
    })
}
