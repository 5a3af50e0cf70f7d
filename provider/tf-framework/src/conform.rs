//! The rules that the CLI checks after a plan and after an apply, checked before it does: its messages could not name
//! the reason, ours can.

use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::pairs::{Unknowns, visit};
use crate::path::Path;
use crate::schema::{Attribute, Mode, Nesting, Schema};
use crate::types::Type;
use crate::value::Value;

/// Whether a value has a type; null and unknown have every type.
pub(crate) fn has_type(value: &Value, ty: &Type) -> bool {
    match (value, ty) {
        (Value::Null | Value::Unknown, _)
        | (Value::Bool(_), Type::Bool)
        | (Value::Number(_), Type::Number)
        | (Value::String(_), Type::String) => true,
        (Value::List(items), Type::List(inner)) | (Value::Set(items), Type::Set(inner)) => {
            items.iter().all(|item| has_type(item, inner))
        }
        (Value::Map(entries), Type::Map(inner)) => entries.values().all(|item| has_type(item, inner)),
        (Value::Tuple(items), Type::Tuple(types)) => {
            items.len() == types.len() && items.iter().zip(types).all(|(item, ty)| has_type(item, ty))
        }
        (Value::Object(entries), Type::Object(types)) => {
            entries.len() == types.len()
                && types.iter().all(|(name, ty)| entries.get(name).is_some_and(|item| has_type(item, ty)))
        }
        (Value::Dynamic(inner), Type::Dynamic) => has_type(&inner.value, &inner.ty),
        _ => false,
    }
}

/// Names every part of a value that does not have its attribute's type.
pub(crate) fn types(schema: &Schema, value: &Value, out: &mut Diagnostics) {
    if value.is_null() {
        return;
    }
    if value.as_entries().is_none() {
        out.push(Diagnostic::bug("The provider made a state that is no object."));
    }
    for attribute in &schema.attributes {
        if !has_type(value.attribute(&attribute.name), &attribute.shape.ty()) {
            let detail = format!("The provider made a value of the wrong type for `{}`.", attribute.name);
            out.push(Diagnostic::bug(detail).at(Path::attribute(&*attribute.name)));
        }
    }
}

/// Checks a plan against the state before it and the configuration.
pub(crate) fn plan(schema: &Schema, prior: &Value, config: &Value, planned: &Value, out: &mut Diagnostics) {
    types(schema, planned, out);
    objects(&schema.attributes, [prior, config, planned], &Path::root(), out);
}

fn broken(path: &Path, what: &str, out: &mut Diagnostics) {
    out.push(Diagnostic::bug(format!("The plan for `{path}` {what}.")).or_at(path));
}

fn objects(
    attributes: &[Attribute],
    [prior, config, planned]: [&Value; 3],
    path: &Path,
    out: &mut Diagnostics,
) {
    if planned.is_null() != config.is_null() {
        return broken(path, "exists where the configuration does not, or the other way round", out);
    }
    if planned.is_unknown() && !config.is_unknown() {
        return broken(path, "is not known although the configuration is", out);
    }
    if planned.is_unknown() {
        return;
    }
    for attribute in attributes {
        let name = &attribute.name;
        let values = [prior.attribute(name), config.attribute(name), planned.attribute(name)];
        planned_attribute(attribute, values, &path.then(name), out);
    }
}

fn planned_attribute(attribute: &Attribute, values: [&Value; 3], path: &Path, out: &mut Diagnostics) {
    let [prior, config, planned] = values;
    if attribute.write_only {
        if !planned.is_null() {
            broken(path, "has a value although it must never be stored", out);
        }
        return;
    }
    let kept = planned == prior && !prior.is_null() && !config.is_null();
    let filled = attribute.mode == Mode::Computed || (attribute.mode.is_computed() && config.is_null());
    if planned == config || kept || filled {
        return;
    }
    let Some((nesting, attributes)) = attribute.nested() else {
        return broken(path, "differs from the configuration", out);
    };
    if planned.is_null() || config.is_null() {
        return broken(path, "exists where the configuration does not, or the other way round", out);
    }
    if planned.is_unknown() {
        if !config.is_unknown() {
            broken(path, "is not known although the configuration is", out);
        }
        return;
    }
    if config.is_unknown() {
        return;
    }
    match nesting {
        Nesting::Single => objects(attributes, values, path, out),
        Nesting::List => planned_list(attributes, values, path, out),
        Nesting::Map => planned_map(attributes, values, path, out),
        Nesting::Set => planned_set(config, planned, path, out),
    }
}

fn planned_list(attributes: &[Attribute], values: [&Value; 3], path: &Path, out: &mut Diagnostics) {
    let [prior, config, planned] = values.map(|value| value.as_elements().unwrap_or_default());
    if config.len() != planned.len() {
        return broken(path, "has another number of elements than the configuration", out);
    }
    for (index, (config, planned)) in config.iter().zip(planned).enumerate() {
        let prior = prior.get(index).unwrap_or(&Value::Null);
        objects(attributes, [prior, config, planned], &path.index(index), out);
    }
}

fn planned_map(attributes: &[Attribute], values: [&Value; 3], path: &Path, out: &mut Diagnostics) {
    let [prior, config, planned] = values;
    let (Some(wanted), Some(entries)) = (config.as_entries(), planned.as_entries()) else { return };
    if !wanted.keys().eq(entries.keys()) {
        return broken(path, "has other keys than the configuration", out);
    }
    for key in wanted.keys() {
        let values = [prior.attribute(key), config.attribute(key), planned.attribute(key)];
        objects(attributes, values, &path.key(key), out);
    }
}

/// Elements of a set that became equal are one, and the CLI counts.
fn planned_set(config: &Value, planned: &Value, path: &Path, out: &mut Diagnostics) {
    let [least, _] = sizes(config);
    let [_, most] = sizes(planned);
    let [least_planned, _] = sizes(planned);
    let [_, most_config] = sizes(config);
    if most < least || least_planned > most_config {
        broken(path, "has another number of elements than the configuration", out);
    }
}

/// How many elements a set has at least and at most, as long as some are not known.
fn sizes(set: &Value) -> [usize; 2] {
    let items = set.as_elements().unwrap_or_default();
    let mut distinct: Vec<&Value> = Vec::new();
    for item in items.iter().filter(|item| item.is_fully_known()) {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    let open = items.len() - items.iter().filter(|item| item.is_fully_known()).count();
    let least = if open > 0 { distinct.len().max(1) } else { distinct.len() };
    [least, distinct.len() + open]
}

/// Whether `actual` is a possible outcome of `planned`.
pub(crate) fn outcome(planned: &Value, actual: &Value) -> bool {
    match (planned, actual) {
        (Value::Unknown, _) => true,
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| outcome(a, b))
        }
        (Value::Map(left), Value::Map(right)) | (Value::Object(left), Value::Object(right)) => {
            left.keys().eq(right.keys()) && left.iter().all(|(key, a)| outcome(a, &right[key]))
        }
        (Value::Set(left), Value::Set(right)) => {
            right.len() <= left.len()
                && left.iter().all(|a| right.iter().any(|b| outcome(a, b)))
                && right.iter().all(|b| left.iter().any(|a| outcome(a, b)))
        }
        (Value::Dynamic(left), Value::Dynamic(right)) => {
            left.ty == right.ty && outcome(&left.value, &right.value)
        }
        _ => planned == actual,
    }
}

/// A setting that the service has stored differently from the plan.
pub(crate) struct Difference<'s> {
    pub path: Path,
    pub attribute: &'s Attribute,
    pub sensitive: bool,
    /// The user did not ask for the planned value: the state keeps it until the next refresh.
    pub tolerated: bool,
    pub planned: Value,
    pub actual: Value,
}

/// Compares what the service has stored with the plan. A difference in what the user has not configured is tolerated:
/// `actual` gets the planned value, because the CLI insists on it, and the next refresh sees the real one.
pub(crate) fn differences<'s>(
    attributes: &'s [Attribute],
    config: &Value,
    planned: &Value,
    actual: &mut Value,
) -> Vec<Difference<'s>> {
    let mut out = Vec::new();
    compare(attributes, [config, planned], actual, &Place::default(), &mut out);
    out
}

/// Where a comparison is; paths end at sets.
#[derive(Clone, Default)]
struct Place {
    path: Path,
    in_set: bool,
    sensitive: bool,
}

impl Place {
    fn below(&self, path: impl FnOnce(&Path) -> Path) -> Self {
        let path = if self.in_set { self.path.clone() } else { path(&self.path) };
        Self { path, ..*self }
    }
}

fn compare<'s>(
    attributes: &'s [Attribute],
    [config, planned]: [&Value; 2],
    actual: &mut Value,
    place: &Place,
    out: &mut Vec<Difference<'s>>,
) {
    let Value::Object(entries) = actual else { return };
    for attribute in attributes {
        let (name, planned) = (&attribute.name, planned.attribute(&attribute.name));
        let config = config.attribute(name);
        let Some(actual) = entries.get_mut(name) else { continue };
        if outcome(planned, actual) {
            continue;
        }
        let mut place = place.below(|path| path.then(name));
        place.sensitive |= attribute.sensitive;
        let tolerated = tolerates(attribute, config) && planned.is_fully_known();
        let before = out.len();
        if !tolerated {
            compare_nested(attribute, [config, planned], actual, &place, out);
        }
        let explained = out[before..].iter().any(|found| !found.tolerated) && same_elements(planned, actual);
        if outcome(planned, actual) || explained {
            continue;
        }
        out.push(Difference {
            path: place.path,
            attribute,
            sensitive: place.sensitive,
            tolerated,
            planned: planned.clone(),
            actual: actual.clone(),
        });
        if tolerated {
            *actual = planned.clone();
        }
    }
}

/// Whether the service may change a setting after the plan: the user did not ask for its value, neither did we.
fn tolerates(attribute: &Attribute, config: &Value) -> bool {
    attribute.mode.is_computed() && config.is_null() && attribute.default.is_none()
}

/// Whether two values have counterparts for all their elements.
fn same_elements(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(left), Value::List(right)) => left.len() == right.len(),
        (Value::Map(left), Value::Map(right)) => left.keys().eq(right.keys()),
        (Value::Object(_), Value::Object(_)) | (Value::Set(_), Value::Set(_)) => true,
        _ => false,
    }
}

fn compare_nested<'s>(
    attribute: &'s Attribute,
    [config, planned]: [&Value; 2],
    actual: &mut Value,
    place: &Place,
    out: &mut Vec<Difference<'s>>,
) {
    let Some((nesting, attributes)) = attribute.nested() else { return };
    let mut steps = steps(nesting, actual).into_iter();
    visit(nesting, attributes, actual, [config, planned], Unknowns::Open, |item, [config, planned]| {
        let step = steps.next().flatten();
        if planned.is_null() {
            return;
        }
        let mut place = match step {
            Some(step) => place.below(|path| path.step(step)),
            None => place.clone(),
        };
        place.in_set |= nesting == Nesting::Set;
        compare(attributes, [config, planned], item, &place, out);
    });
}

/// The step to each object of a nested attribute, in the order of [`visit`].
pub(crate) fn steps(nesting: Nesting, value: &Value) -> Vec<Option<crate::path::Step>> {
    use crate::path::Step;
    match (nesting, value) {
        (Nesting::List, Value::List(items)) => (0..items.len())
            .map(|index| Some(Step::Index(i64::try_from(index).unwrap_or(i64::MAX))))
            .collect(),
        (Nesting::Map, Value::Map(entries)) => {
            entries.keys().map(|key| Some(Step::Key(key.clone()))).collect()
        }
        (Nesting::Set, Value::Set(items)) => vec![None; items.len()],
        _ => vec![None],
    }
}
