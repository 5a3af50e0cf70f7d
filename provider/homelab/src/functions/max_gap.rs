//! `max_gap`: the longest time between two runs of a schedule.

use backup_policy::{Firing, Horizon, Timestamp};
use tf_framework::prelude::*;

use super::schedule;

/// Seconds since 1970 of the beginning of 2026. A fixed moment, for a function gives the same each time.
const FROM: i64 = 1_767_225_600;

/// See the module.
pub(crate) struct MaxGap;

impl Function for MaxGap {
    const NAME: &'static str = "max_gap";

    fn schema() -> FunctionSchema {
        FunctionSchema {
            summary: "Computes the longest time between two runs of a schedule.".to_owned(),
            description: "Computes the longest time between two runs of a schedule of Proxmox VE: what is lost at most when the \
                last backup has to do.\n\n\
                Four years from 2026 on are looked at, which hold every length of month and year and every change of the \
                clocks. The result has `seconds`, and the first two runs that are so far apart: `from` and `to`, in UTC. \
                That a run takes its time or is late is not part of it."
                .to_owned(),
            parameters: vec![schedule::event_parameter()],
            variadic: Some(schedule::zone_parameter()),
            returns: Type::Object(
                [("seconds", Type::Number), ("from", Type::String), ("to", Type::String)]
                    .into_iter()
                    .map(|(name, ty)| (name.to_owned(), ty))
                    .collect(),
            ),
        }
    }

    fn call(args: &[Value]) -> Result<Value, FunctionError> {
        let event = schedule::event(args)?;
        let zone = schedule::zone(args, 1)?;
        let from = Timestamp::from_second(FROM).unwrap_or(Timestamp::UNIX_EPOCH);
        let Firing::Repeatedly(gaps) = event.firing(Horizon::four_years(from), &zone) else {
            return Err(FunctionError::argument(0, "This schedule does not repeat, so it has no gaps."));
        };
        let gap = gaps.largest;
        let seconds = i64::try_from(gap.length().as_secs()).unwrap_or(i64::MAX);
        Ok(Value::object([
            ("seconds", Value::from(seconds)),
            ("from", Value::from(gap.from.to_string())),
            ("to", Value::from(gap.to.to_string())),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn months_and_changes_of_the_clocks_count() {
        let gap = |event: &str, zone: &str| {
            MaxGap::call(&[Value::from(event), Value::from(zone)]).unwrap().to_json()["seconds"].clone()
        };
        assert_eq!(gap("*-*-1 21:00 UTC", "Europe/Berlin"), 31 * 86_400);
        assert_eq!(gap("21:00", "Europe/Berlin"), 25 * 3600);
        let whole = MaxGap::call(&[Value::from("sun 21:00")]).unwrap().to_json();
        assert_eq!(
            whole,
            json!({"seconds": 604_800, "from": "2026-01-04T21:00:00Z", "to": "2026-01-11T21:00:00Z"})
        );
    }

    #[test]
    fn a_schedule_without_a_second_run_has_no_gap() {
        let refused = MaxGap::call(&[Value::from("2027-01-01 UTC")]).unwrap_err();
        assert_eq!(refused.argument, Some(0));
        let refused =
            MaxGap::call(&[Value::from("daily"), Value::from("UTC"), Value::from("UTC")]).unwrap_err();
        assert_eq!(refused.argument, None);
    }
}
