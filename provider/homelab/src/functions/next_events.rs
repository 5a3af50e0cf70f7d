//! `next_events`: when a schedule fires.

use tf_framework::prelude::*;

use super::schedule;

/// More events than this tell nothing new.
const MOST: i64 = 1000;

/// See the module.
pub(crate) struct NextEvents;

impl Function for NextEvents {
    const NAME: &'static str = "next_events";

    fn schema() -> FunctionSchema {
        let parameter = |name: &str, ty: Type, description: &str| Parameter {
            name: name.to_owned(),
            ty,
            allow_null: false,
            allow_unknown: false,
            description: description.to_owned(),
        };
        FunctionSchema {
            summary: "Computes when a schedule fires next.".to_owned(),
            description: "Computes when a schedule of Proxmox VE fires next, as the node itself would, with changes of the \
                clocks.\n\n\
                The result is a list of moments in UTC, as RFC 3339 writes them, the earliest first. It is shorter than \
                `count` when the schedule ends before."
                .to_owned(),
            parameters: vec![
                schedule::event_parameter(),
                parameter(
                    "after",
                    Type::String,
                    "Events after this moment count: RFC 3339, such as `2027-01-31T00:00:00Z` or `plantimestamp()`.",
                ),
                parameter("count", Type::Number, "How many events, 1 to 1000."),
            ],
            variadic: Some(schedule::zone_parameter()),
            returns: Type::List(Box::new(Type::String)),
        }
    }

    fn call(args: &[Value]) -> Result<Value, FunctionError> {
        let event = schedule::event(args)?;
        let after = schedule::moment(args, 1)?;
        let count = args.get(2).and_then(Value::as_number).and_then(Number::to_i64).unwrap_or_default();
        let Some(count) = usize::try_from(count).ok().filter(|_| (1..=MOST).contains(&count)) else {
            return Err(FunctionError::argument(
                2,
                format!("This has to be a whole number from 1 to {MOST}."),
            ));
        };
        let zone = schedule::zone(args, 3)?;
        let events = event.events(after, &zone).take(count);
        Ok(Value::List(events.map(|moment| Value::from(moment.to_string())).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(event: &str, after: &str, count: i64, zone: Option<&str>) -> Result<Vec<String>, FunctionError> {
        let mut args = vec![Value::from(event), Value::from(after), Value::from(count)];
        args.extend(zone.map(Value::from));
        let found = NextEvents::call(&args)?.to_json();
        Ok(serde_json::from_value(found).unwrap())
    }

    #[test]
    fn events_follow_the_clock_of_the_zone() {
        let after = "2027-03-26T12:00:00Z";
        let berlin = call("02:30", after, 2, Some("Europe/Berlin")).unwrap();
        assert_eq!(berlin, ["2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z"], "there is no 02:30 on the 28th");
        let utc = call("sun 21:00 UTC", after, 1, Some("Europe/Berlin")).unwrap();
        assert_eq!(utc, ["2027-03-28T21:00:00Z"]);
        assert_eq!(call("2028-01-01 UTC", after, 3, None).unwrap().len(), 1, "it ends");
    }

    #[test]
    fn what_cannot_be_read_is_blamed_on_its_argument() {
        let after = "2027-03-26T12:00:00Z";
        let blamed = |result: Result<Vec<String>, FunctionError>| result.unwrap_err().argument;
        assert_eq!(blamed(call("daily 21:00", after, 1, None)), Some(0));
        assert_eq!(blamed(call("daily", "tomorrow", 1, None)), Some(1));
        assert_eq!(blamed(call("daily", after, 0, None)), Some(2));
        assert_eq!(blamed(call("daily", after, 1, Some("Berlin"))), Some(3));
    }
}
