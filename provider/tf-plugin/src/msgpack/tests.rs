//! Round trips of any value, and inputs that no core sends.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tf_framework::{Dynamic, Type, Value};

use super::{decode, encode};

fn number(text: &str) -> Value {
    Value::Number(text.parse().unwrap())
}

fn object(attributes: &[(&str, Type)]) -> Type {
    Type::Object(attributes.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect())
}

/// The error for a message, with its path.
fn refused(message: &[u8], ty: &Type) -> String {
    decode(message, ty).unwrap_err().to_string()
}

/// Any type, without `dynamic`: a collection of that has rules of its own.
fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::Bool), Just(Type::Number), Just(Type::String)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Type::Tuple),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4).prop_map(Type::Object),
        ]
    })
}

/// Any value of a type; null and unknown at every level.
fn values(ty: &Type) -> BoxedStrategy<Value> {
    let known = match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => prop_oneof![
            any::<i64>().prop_map(Value::from),
            "-?[0-9]{1,40}(\\.[0-9]{1,40})?(e-?[0-9]{1,3})?".prop_map(|text| number(&text)),
        ]
        .boxed(),
        Type::String => any::<String>().prop_map(Value::String).boxed(),
        Type::List(inner) => prop::collection::vec(values(inner), 0..4).prop_map(Value::List).boxed(),
        Type::Set(inner) => prop::collection::vec(values(inner), 0..4).prop_map(Value::Set).boxed(),
        Type::Map(inner) => {
            prop::collection::btree_map(any::<String>(), values(inner), 0..4).prop_map(Value::Map).boxed()
        }
        Type::Tuple(types) => types.iter().map(values).collect::<Vec<_>>().prop_map(Value::Tuple).boxed(),
        Type::Object(types) => {
            let names: Vec<_> = types.keys().cloned().collect();
            let parts: Vec<_> = types.values().map(values).collect();
            parts.prop_map(move |parts| Value::object(names.clone().into_iter().zip(parts))).boxed()
        }
        Type::Dynamic => types()
            .prop_flat_map(|ty| {
                let value =
                    values(&ty).prop_filter("a null has no type on the wire", |value| !value.is_null());
                value.prop_map(move |value| Value::Dynamic(Box::new(Dynamic { ty: ty.clone(), value })))
            })
            .boxed(),
    };
    prop_oneof![8 => known, 1 => Just(Value::Null), 1 => Just(Value::Unknown)].boxed()
}

fn typed_values() -> impl Strategy<Value = (Type, Value)> {
    prop_oneof![9 => types(), 1 => Just(Type::Dynamic)]
        .prop_flat_map(|ty| values(&ty).prop_map(move |value| (ty.clone(), value)))
}

proptest! {
    /// Protocol list 34 and 46.
    #[test]
    fn what_is_written_reads_back_the_same((ty, value) in typed_values()) {
        let message = encode(&value, &ty).unwrap();
        prop_assert_eq!(decode(&message, &ty).unwrap(), value);
    }

    /// Protocol list 39.
    #[test]
    fn a_cut_message_is_refused((ty, value) in typed_values(), at in any::<prop::sample::Index>()) {
        let message = encode(&value, &ty).unwrap();
        prop_assert!(decode(&message[..at.index(message.len())], &ty).is_err());
    }

    /// Protocol list 39.
    #[test]
    fn anything_after_the_value_is_refused((ty, value) in typed_values(), tail in 0_u8..) {
        let mut message = encode(&value, &ty).unwrap();
        message.push(tail);
        prop_assert!(decode(&message, &ty).is_err());
    }

    /// Protocol list 39 and 46: only that it comes back, and that what it made can be written again.
    #[test]
    fn no_bytes_make_it_panic(ty in types(), message in prop::collection::vec(any::<u8>(), 0..64)) {
        for ty in [ty, Type::Dynamic] {
            if let Ok(value) = decode(&message, &ty) {
                encode(&value, &ty).unwrap();
            }
        }
    }

    /// Protocol list 46: one wrong byte, anywhere.
    #[test]
    fn no_flipped_byte_makes_it_panic(
        (ty, value) in typed_values(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut message = encode(&value, &ty).unwrap();
        let at = at.index(message.len());
        message[at] = byte;
        let _ = decode(&message, &ty);
    }
}

/// Protocol list 35: as integer, float or text, a number is the same number.
#[test]
fn numbers_are_exact_however_they_are_sent() {
    for (message, expected) in [
        (vec![0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], "-9223372036854775808"),
        (vec![0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "18446744073709551615"),
        ([vec![0xcb], 9_007_199_254_740_992_f64.to_be_bytes().to_vec()].concat(), "9007199254740992"),
        ([vec![0xcb], 2_f64.powi(70).to_be_bytes().to_vec()].concat(), "1180591620717411303424"),
        ([vec![0xcb], 0.5_f64.to_be_bytes().to_vec()].concat(), "0.5"),
        ([vec![0xcb], (-0.0_f64).to_be_bytes().to_vec()].concat(), "0"),
        (b"\xa30.1".to_vec(), "0.1"),
        (b"\xa51e400".to_vec(), "1e400"),
        (b"\xb09007199254740993".to_vec(), "9007199254740993"),
    ] {
        assert_eq!(decode(&message, &Type::Number).unwrap(), number(expected), "{expected}");
    }
}

/// Protocol list 35: what an exact integer is not is written as text, never as a float.
#[test]
fn a_fraction_is_written_as_text() {
    assert_eq!(encode(&number("0.1"), &Type::Number).unwrap(), b"\xa30.1");
    assert_eq!(encode(&number("9223372036854775808"), &Type::Number).unwrap(), b"\xb39223372036854775808");
    assert_eq!(encode(&number("5.0"), &Type::Number).unwrap(), [5]);
}

#[test]
fn a_number_that_is_none_is_refused() {
    for message in [
        [vec![0xcb], f64::NAN.to_be_bytes().to_vec()].concat(),
        [vec![0xcb], f64::INFINITY.to_be_bytes().to_vec()].concat(),
        b"\xa3abc".to_vec(),
        b"\xa91e9999999".to_vec(),
        [vec![0xda, 0xff, 0xff], vec![b'9'; 0xffff]].concat(),
    ] {
        assert_eq!(
            refused(&message, &Type::Number),
            "a finite number of reasonable size is required at the top level"
        );
    }
}

/// Protocol list 36.
#[test]
fn every_extension_is_an_unknown_value() {
    let refined = [&[0xc7, 9, 12, 0x82, 1, 0xc2, 2, 0xa4][..], b"pre-"].concat();
    for message in [&[0xd4, 0, 0][..], &[0xc7, 0, 0], &refined, &[0xd5, 77, 1, 2], &[0xc8, 0, 1, 12, 0xff]] {
        for ty in [Type::String, Type::list(Type::Bool), object(&[("a", Type::Bool)]), Type::Dynamic] {
            assert_eq!(decode(message, &ty).unwrap(), Value::Unknown, "{message:x?} as {ty}");
        }
    }
}

/// Protocol list 40: four billion elements are promised and none is there.
#[test]
fn a_length_is_not_believed() {
    let object = object(&[("a", Type::String)]);
    for (marker, ty) in [
        (0xdd, Type::list(Type::String)),
        (0xdd, Type::set(Type::String)),
        (0xdf, Type::map(Type::String)),
        (0xdf, object),
        (0xdb, Type::String),
        (0xc9, Type::String),
    ] {
        let said = refused(&[marker, 0xff, 0xff, 0xff, 0xff], &ty);
        assert!(said.starts_with("the message ends in the middle of a value"), "{said}");
    }
    let said = refused(&[0xc6, 0xff, 0xff, 0xff, 0xff], &Type::String);
    assert!(said.starts_with("the message ends"), "{said}");
}

/// A small message must not become a large value.
#[test]
fn a_message_of_too_many_values_is_refused() {
    let nulls = 5 << 20;
    let mut message = vec![0xdd];
    message.extend(u32::try_from(nulls).unwrap().to_be_bytes());
    message.resize(message.len() + nulls, 0xc0);
    let said = refused(&message, &Type::list(Type::Bool));
    assert!(said.starts_with("the message holds too many values"), "{said}");
}

/// Protocol list 41.
#[test]
fn deep_nesting_is_refused_without_a_stack_overflow() {
    let arrays = vec![0x91; 200_000];
    assert!(refused(&arrays, &Type::list(Type::String)).starts_with("a string is required, not an array"));

    // A dynamic value brings its type with it, so it could go on for ever.
    let level = b"\x92\xc4\x12[\"list\",\"dynamic\"]\x91";
    let deep = level.repeat(10_000);
    assert!(refused(&deep, &Type::Dynamic).starts_with("values are nested too deeply"));
    let pairs = b"\x92\xc4\x09\"dynamic\"".repeat(200_000);
    assert!(refused(&pairs, &Type::Dynamic).starts_with("a type as JSON is required"));
    let ty = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let mut message = vec![0x92, 0xc6];
    message.extend(u32::try_from(ty.len()).unwrap().to_be_bytes());
    message.extend(ty);
    assert!(refused(&message, &Type::Dynamic).starts_with("a type as JSON is required"));
}

/// Protocol list 43.
#[test]
fn a_wrong_kind_is_refused_with_its_path() {
    let disk = object(&[("size", Type::Number)]);
    let ty = object(&[("disks", Type::map(disk)), ("tags", Type::list(Type::String))]);
    let wrong = Type::Object(BTreeMap::from([
        ("disks".to_owned(), Type::map(object(&[("size", Type::Bool)]))),
        ("tags".to_owned(), Type::list(Type::String)),
    ]));
    let disk = Value::object([("size", Value::Bool(true))]);
    let value = Value::object([
        ("disks", Value::Map(BTreeMap::from([("scsi1".to_owned(), disk)]))),
        ("tags", Value::List(Vec::new())),
    ]);
    let message = encode(&value, &wrong).unwrap();
    assert_eq!(refused(&message, &ty), "a number is required, not a bool at disks[\"scsi1\"].size");
    assert_eq!(
        refused(b"\x92\xa1a\x05", &Type::list(Type::String)),
        "a string is required, not a number at [1]"
    );
}

/// Protocol list 44.
#[test]
fn an_object_has_exactly_its_attributes() {
    let ty = object(&[("a", Type::Bool), ("b", Type::Bool)]);
    assert_eq!(refused(b"\x81\xa1a\xc3", &ty), "the attribute \"b\" is missing at the top level");
    assert_eq!(
        refused(b"\x83\xa1a\xc3\xa1b\xc3\xa1c\xc3", &ty),
        "there is no attribute \"c\" at the top level"
    );
    assert_eq!(
        refused(b"\x82\xa1a\xc3\xa1a\xc3", &ty),
        "the attribute \"a\" is there twice at the top level"
    );
    assert_eq!(refused(b"\x81\x05\xc3", &ty), "a string as key is required, not a number at the top level");
    assert_eq!(
        refused(b"\x82\xa1a\xc3\xa1a\xc3", &Type::map(Type::Bool)),
        "the key \"a\" is there twice at the top level"
    );
    assert_eq!(
        refused(b"\x91\xc3", &Type::Tuple(vec![Type::Bool, Type::Bool])),
        "a tuple of 2 elements is required, not of 1 at the top level"
    );
}

/// Protocol list 45.
#[test]
fn text_keeps_its_bytes_and_must_be_utf8() {
    for text in ["a\0b", "e\u{301}", "\u{e9}", "\u{1f980}", ""] {
        let message = encode(&Value::from(text), &Type::String).unwrap();
        assert_eq!(decode(&message, &Type::String).unwrap(), Value::from(text));
    }
    assert_eq!(refused(b"\xa2\xff\xfe", &Type::String), "a string is not valid UTF-8 at the top level");
    assert!(
        refused(b"\x81\xa2\xff\xfe\xc3", &Type::map(Type::Bool)).starts_with("a string is not valid UTF-8")
    );
}

/// A core counts the attributes, so one that the value leaves out is written as null.
#[test]
fn every_attribute_is_written() {
    let ty = object(&[("a", Type::Bool), ("b", Type::String)]);
    let value = Value::object([("b", Value::from("x"))]);
    assert_eq!(encode(&value, &ty).unwrap(), b"\x82\xa1a\xc0\xa1b\xa1x");
}

/// What does not fit the schema must not go out: a core would drop the whole object.
#[test]
fn a_value_of_another_type_is_not_written() {
    let ty = object(&[("a", Type::list(Type::Bool))]);
    let value = Value::object([("a", Value::List(vec![Value::from("x")]))]);
    assert_eq!(encode(&value, &ty).unwrap_err().to_string(), "a value of type bool is required at a[0]");
    let value = Value::object([("z", Value::Null)]);
    assert_eq!(encode(&value, &ty).unwrap_err().to_string(), "there is no attribute \"z\" at the top level");
}

/// A null of a known type and a plain one are one and the same; an unknown keeps its type.
#[test]
fn a_dynamic_value_carries_its_type() {
    assert_eq!(decode(b"\x92\xc4\x08\"string\"\xc0", &Type::Dynamic).unwrap(), Value::Null);
    let unknown = Value::Dynamic(Box::new(Dynamic { ty: Type::String, value: Value::Unknown }));
    assert_eq!(decode(b"\x92\xc4\x08\"string\"\xd4\0\0", &Type::Dynamic).unwrap(), unknown);
    assert_eq!(encode(&unknown, &Type::Dynamic).unwrap(), b"\x92\xc4\x08\"string\"\xd4\0\0");
    let said = refused(b"\x93\xc4\x08\"string\"\xa1x\xc0", &Type::Dynamic);
    assert_eq!(said, "a pair of type and value is required, not an array at the top level");
}
