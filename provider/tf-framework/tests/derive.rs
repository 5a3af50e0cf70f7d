//! The derives, on a small model: attributes, decoding and encoding.

mod support {
    pub mod only;
}

use tf_framework::prelude::*;
use tf_framework::{Mode, Nesting, Server};

/// A disk of a toy.
#[derive(Clone, Debug, PartialEq, Object)]
struct Disk {
    /// Size of the disk.
    #[schema(validate = range(1, 10))]
    size_gib: i64,
}

/// A toy.
#[derive(Debug, Schema)]
#[schema(name = "toy", version = 0)]
struct Toy {
    /// Name of the toy.
    #[schema(parse, wire = "toyid", replace)]
    name: std::net::Ipv4Addr,
    /// Free text.
    comment: Option<String>,
    /// Cores.
    #[schema(default = 2)]
    cores: Defaulted<i64>,
    /// Disks by name.
    disks: Option<BTreeMap<String, Disk>>,
    /// Members.
    members: Computed<BTreeSet<u32>>,
}

struct Cx;

impl Resource for Toy {
    type Cx = Cx;
    type Id = std::net::Ipv4Addr;

    fn id(&self) -> Self::Id {
        self.name
    }

    async fn create(_cx: &Cx, want: &Toy) -> Result<Self::Id> {
        Ok(want.name)
    }

    async fn read(_cx: &Cx, _id: &Self::Id, _prior: Option<&Toy>) -> Result<Option<Toy>> {
        Ok(None)
    }

    async fn update(_cx: &Cx, _id: &Self::Id, change: Change<'_, Toy>) -> Result<()> {
        let _edit: Edit<&String> = change.edit(|toy| &toy.comment);
        Ok(())
    }

    async fn delete(_cx: &Cx, _id: &Self::Id, _prior: &Toy) -> Result<()> {
        Ok(())
    }
}

impl From<Operation> for Cx {
    fn from(_operation: Operation) -> Self {
        Self
    }
}

type Provider = support::only::Only<Toy>;

#[test]
fn the_type_of_a_field_is_its_mode() {
    let modes: Vec<_> = Toy::attributes().into_iter().map(|attribute| attribute.mode).collect();
    assert_eq!(
        modes,
        [Mode::Required, Mode::Optional, Mode::OptionalComputed, Mode::Optional, Mode::Computed]
    );
    let attributes = Toy::attributes();
    assert!(attributes[0].replace && attributes[0].wire.as_deref() == Some("toyid"));
    assert_eq!(attributes[2].default, Some(Value::from(2)));
    assert!(matches!(attributes[3].nested(), Some((Nesting::Map, [_]))));
}

#[test]
fn a_state_survives_decoding_and_encoding() {
    let state = Value::object([
        ("name", Value::from("10.0.0.1")),
        ("comment", Value::Null),
        ("cores", Value::Unknown),
        ("disks", Value::Map([("a".to_owned(), Value::object([("size_gib", Value::from(3))]))].into())),
        ("members", Value::Set(vec![Value::from(1)])),
    ]);
    assert_eq!(Toy::decode(&state).expect("the state is valid").encode(), state);
}

#[test]
fn a_registered_resource_has_its_prefix_and_timeouts() {
    let server = Server::new::<Provider>();
    let schema = &server.schemas().resources["homelab_toy"].schema;
    assert!(schema.attribute("timeouts").is_some());
}
