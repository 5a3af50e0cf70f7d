//! A box with every kind of attribute, on a service in memory.

use std::cell::RefCell;

use tf_framework::prelude::*;

/// What is in a slot.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Slot {
    /// Size of the slot.
    #[schema(validate = range(1, 100))]
    pub size_gib: i64,
    /// What the service calls it.
    pub volume: Computed<String>,
    /// How it is laid out at first.
    #[schema(create_only)]
    pub format: Option<String>,
}

/// Where the content comes from.
#[derive(Clone, Debug, PartialEq, Object)]
pub struct Source {
    /// The image.
    pub image: String,
}

/// A box.
#[derive(Clone, Debug, Schema)]
#[schema(name = "box", version = 1)]
pub struct Box {
    /// Name of the box.
    #[schema(replace)]
    pub name: String,
    /// Free text.
    pub comment: Option<String>,
    /// How many.
    #[schema(default = 2)]
    pub count: Defaulted<i64>,
    /// Where from; may be a network address in any spelling.
    #[schema(parse)]
    pub address: Option<std::net::Ipv6Addr>,
    /// Slots by name.
    pub slots: Option<BTreeMap<String, Slot>>,
    /// What it is made from.
    #[schema(create_only)]
    pub source: Option<Source>,
    /// Password.
    #[schema(write_only, sensitive)]
    pub password_wo: Option<String>,
    /// Changes with the password.
    pub password_wo_version: Option<i64>,
    /// Serial number.
    #[schema(keep)]
    pub serial: Computed<i64>,
    /// How often it was written.
    pub writes: Computed<i64>,
}

thread_local! {
    pub static STORE: RefCell<BTreeMap<String, Stored>> = const { RefCell::new(BTreeMap::new()) };
}

#[derive(Clone)]
pub struct Stored {
    pub model: Box,
    pub password: Option<String>,
    pub writes: i64,
    /// Updates that found a difference in `source`.
    pub sources_seen: usize,
}

pub struct Cx;

impl Stored {
    fn put(&mut self, want: &Box) {
        self.model = want.clone();
        self.writes += 1;
        self.model.writes = self.writes.into();
        self.model.serial = 7.into();
        // No service remembers these.
        self.model.source = None;
        if let Some(password) = self.model.password_wo.take() {
            self.password = Some(password);
        }
        for (name, slot) in self.model.slots.iter_mut().flatten() {
            slot.volume = format!("vol-{name}").into();
            slot.format = None;
        }
    }
}

impl Resource for Box {
    type Cx = Cx;
    type Id = String;

    fn id(&self) -> String {
        self.name.clone()
    }

    async fn create(_cx: &Cx, want: &Box) -> Result<String> {
        let mut stored = Stored { model: want.clone(), password: None, writes: 0, sources_seen: 0 };
        stored.put(want);
        STORE.with_borrow_mut(|store| store.insert(want.name.clone(), stored));
        Ok(want.name.clone())
    }

    async fn read(_cx: &Cx, id: &String, _prior: Option<&Box>) -> Result<Option<Box>> {
        Ok(STORE.with_borrow(|store| store.get(id).map(|stored| stored.model.clone())))
    }

    async fn update(_cx: &Cx, id: &String, change: Change<'_, Box>) -> Result<()> {
        STORE.with_borrow_mut(|store| {
            if let Some(stored) = store.get_mut(id) {
                stored.sources_seen += usize::from(change.changes(|model| &model.source));
                stored.put(change.want);
            }
        });
        Ok(())
    }

    async fn delete(_cx: &Cx, id: &String, _prior: &Box) -> Result<()> {
        STORE.with_borrow_mut(|store| store.remove(id));
        Ok(())
    }
}

impl From<Operation> for Cx {
    fn from(_operation: Operation) -> Self {
        Self
    }
}

/// Offers it.
pub type Provider = super::only::Only<Box>;

pub const TYPE: &str = "homelab_box";
