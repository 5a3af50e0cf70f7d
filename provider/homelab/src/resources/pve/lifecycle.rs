//! Creating what must not be there yet and deleting what may be gone already, also when an answer is lost.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use pve_client::{Error as PveError, Result as PveResult};
use tf_framework::prelude::*;

use crate::cx::Cx;
use crate::errors::{self, Explain as _};

/// How often a change whose answer was lost is sent.
const ATTEMPTS: u32 = 3;

/// The object that an operation is about.
pub(crate) struct Object<'a> {
    /// Its noun and name, such as `role "Operator"`.
    pub name: String,
    /// What `import` takes.
    pub id: &'a (dyn Display + Sync),
    /// The argument that names it.
    pub attribute: &'static str,
}

impl<'a> Object<'a> {
    /// An object with a noun, and the argument that holds its name.
    pub fn new(noun: &str, id: &'a (impl Display + Sync), attribute: &'static str) -> Self {
        Self { name: format!("{noun} {:?}", id.to_string()), id, attribute }
    }

    /// Creates it. `find` reads it, and `ours` says whether what is found after a lost answer is exactly what was
    /// asked for: nothing here carries a mark that says who made it.
    pub async fn create<M, T, Find, Found, Make, Made>(
        &self,
        cx: &Cx,
        find: Find,
        ours: impl Fn(&T) -> bool,
        make: Make,
    ) -> Result<()>
    where
        M: SchemaModel,
        Find: Fn() -> Found,
        Found: Future<Output = PveResult<T>>,
        Make: Fn() -> Made,
        Made: Future<Output = PveResult<()>>,
    {
        let what = format!("create {}", self.name);
        let mut lost: Option<PveError> = None;
        for _ in 0..ATTEMPTS {
            match make().await {
                Ok(()) => {
                    cx.operation().created(self.id);
                    return Ok(());
                }
                Err(error) if error.already_exists() && lost.is_none() => {
                    return Err(errors::not_ours::<M>(&self.name, self.id).at(self.attribute));
                }
                Err(error @ PveError::MaybeApplied { .. }) => lost = Some(error),
                Err(error) if error.already_exists() => {}
                Err(error) => return Err(error).explain::<M>(cx, &what),
            }
            if let Some(found) = if_there(find().await).explain::<M>(cx, &what)? {
                if !ours(&found) {
                    break;
                }
                cx.operation().created(self.id);
                return Ok(());
            }
            cx.pve()?
                .scope()
                .sleep(Duration::from_secs(1))
                .await
                .map_err(PveError::from)
                .explain::<M>(cx, &what)?;
        }
        lost.map_or(Ok(()), Err).explain::<M>(cx, &what)
    }

    /// Warns, when it is planned, that it is there already: its create would not adopt it. What the state knows is about to
    /// be replaced, or to go from another address.
    pub async fn foresee<M: SchemaModel>(
        &self,
        cx: &Cx,
        plan: &mut Plan<'_, M>,
        is_there: impl Future<Output = Option<bool>>,
    ) {
        if plan.is_create() && !cx.manages(&self.name) && is_there.await == Some(true) {
            plan.push(errors::taken::<M>(&self.name, self.id).at(self.attribute));
        }
    }

    /// Reads it; nothing when it is gone.
    pub async fn read<M: SchemaModel, T>(
        &self,
        cx: &Cx,
        found: impl Future<Output = PveResult<T>>,
    ) -> Result<Option<T>> {
        let found = if_there(found.await).explain::<M>(cx, format_args!("read {}", self.name))?;
        if found.is_some() {
            cx.note_managed(&self.name);
        }
        Ok(found)
    }

    /// Changes it by a call that may be repeated.
    pub async fn change<M, Make, Made>(&self, cx: &Cx, make: Make) -> Result<()>
    where
        M: SchemaModel,
        Make: Fn() -> Made,
        Made: Future<Output = PveResult<()>>,
    {
        let what = format!("change {}", self.name);
        repeated(make).await.explain::<M>(cx, &what)
    }

    /// Deletes it; one that is gone already is fine.
    pub async fn delete<M, Make, Made>(&self, cx: &Cx, make: Make) -> Result<()>
    where
        M: SchemaModel,
        Make: Fn() -> Made,
        Made: Future<Output = PveResult<()>>,
    {
        if_there(repeated(make).await).explain::<M>(cx, format_args!("delete {}", self.name)).map(drop)
    }
}

/// Sends again what may be repeated, when its answer was lost.
async fn repeated<Made: Future<Output = PveResult<()>>>(make: impl Fn() -> Made) -> PveResult<()> {
    let mut attempt = 1;
    loop {
        match make().await {
            Err(PveError::MaybeApplied { .. }) if attempt < ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

/// Nothing instead of an error when the object does not exist.
pub(crate) fn if_there<T>(result: PveResult<T>) -> PveResult<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
