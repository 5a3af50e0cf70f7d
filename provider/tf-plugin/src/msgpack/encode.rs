//! Values to MessagePack, with every attribute of the type spelled out: a core counts them.

use std::collections::BTreeMap;

use rmp::encode as write;
use tf_framework::{Number, Path, Step, Type, Value};

use super::ValueError;

/// Writes a value of type `ty`.
pub(crate) fn encode(value: &Value, ty: &Type) -> Result<Vec<u8>, ValueError> {
    let mut encoder = Encoder { out: Vec::new(), path: Path::root() };
    encoder.value(value, ty)?;
    Ok(encoder.out)
}

struct Encoder {
    out: Vec<u8>,
    path: Path,
}

impl Encoder {
    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, ValueError> {
        Err(ValueError { path: self.path.clone(), problem: problem.into() })
    }

    /// Lengths are 32 bits on the wire, and writing to memory can fail in no other way.
    fn check<T, E>(&self, written: Result<T, E>) -> Result<(), ValueError> {
        written.map(|_| ()).or_else(|_| self.fail("the value is too large"))
    }

    fn length(&self, length: usize) -> Result<u32, ValueError> {
        u32::try_from(length).or_else(|_| self.fail("the value is too large"))
    }

    fn within(
        &mut self,
        step: Step,
        work: impl FnOnce(&mut Self) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        self.path.0.push(step);
        work(self)?;
        self.path.0.pop();
        Ok(())
    }

    fn value(&mut self, value: &Value, ty: &Type) -> Result<(), ValueError> {
        match (value, ty) {
            (Value::Null, _) => self.nil(),
            (Value::Unknown, _) => {
                // Extension 0 with one byte that means nothing: unknown, and nothing is promised about it.
                self.out.extend([0xd4, 0, 0]);
                Ok(())
            }
            (Value::Bool(value), Type::Bool) => {
                let written = write::write_bool(&mut self.out, *value);
                self.check(written)
            }
            (Value::Number(number), Type::Number) => self.number(number),
            (Value::String(text), Type::String) => self.string(text),
            (Value::List(items), Type::List(inner)) | (Value::Set(items), Type::Set(inner)) => {
                self.elements(items, |_| inner)
            }
            (Value::Tuple(items), Type::Tuple(types)) if items.len() == types.len() => {
                self.elements(items, |index| &types[index])
            }
            (Value::Map(entries), Type::Map(inner)) => self.map(entries, inner),
            (Value::Object(entries), Type::Object(types)) => self.object(entries, types),
            (Value::Dynamic(dynamic), Type::Dynamic) => {
                let json = dynamic.ty.to_json().to_string();
                let written = write::write_array_len(&mut self.out, 2);
                self.check(written)?;
                let written = write::write_bin(&mut self.out, json.as_bytes());
                self.check(written)?;
                self.value(&dynamic.value, &dynamic.ty)
            }
            _ => self.fail(format!("a value of type {ty} is required")),
        }
    }

    fn nil(&mut self) -> Result<(), ValueError> {
        let written = write::write_nil(&mut self.out);
        self.check(written)
    }

    fn string(&mut self, text: &str) -> Result<(), ValueError> {
        self.length(text.len())?;
        let written = write::write_str(&mut self.out, text);
        self.check(written)
    }

    /// As an integer where that is exact, else as decimal text; a float would lose digits.
    fn number(&mut self, number: &Number) -> Result<(), ValueError> {
        match number.to_i64() {
            Some(whole) => {
                let written = write::write_sint(&mut self.out, whole);
                self.check(written)
            }
            None => self.string(&number.to_string()),
        }
    }

    fn elements<'t>(&mut self, items: &[Value], ty: impl Fn(usize) -> &'t Type) -> Result<(), ValueError> {
        let length = self.length(items.len())?;
        let written = write::write_array_len(&mut self.out, length);
        self.check(written)?;
        for (index, item) in items.iter().enumerate() {
            let step = Step::Index(i64::try_from(index).unwrap_or(i64::MAX));
            self.within(step, |encoder| encoder.value(item, ty(index)))?;
        }
        Ok(())
    }

    fn map(&mut self, entries: &BTreeMap<String, Value>, inner: &Type) -> Result<(), ValueError> {
        let length = self.length(entries.len())?;
        let written = write::write_map_len(&mut self.out, length);
        self.check(written)?;
        for (key, value) in entries {
            self.string(key)?;
            self.within(Step::Key(key.clone()), |encoder| encoder.value(value, inner))?;
        }
        Ok(())
    }

    fn object(
        &mut self,
        entries: &BTreeMap<String, Value>,
        types: &BTreeMap<String, Type>,
    ) -> Result<(), ValueError> {
        if let Some(name) = entries.keys().find(|name| !types.contains_key(*name)) {
            return self.fail(format!("there is no attribute {name:?}"));
        }
        let length = self.length(types.len())?;
        let written = write::write_map_len(&mut self.out, length);
        self.check(written)?;
        for (name, ty) in types {
            self.string(name)?;
            let value = entries.get(name).unwrap_or(&Value::Null);
            self.within(Step::Attribute(name.clone()), |encoder| encoder.value(value, ty))?;
        }
        Ok(())
    }
}
