//! What Proxmox VE lets nobody but root change, and a token of root is nobody.

use tf_framework::prelude::*;

use crate::cx::Cx;

/// Adds an error for everything of root's that a plan changes, unless the login is root: where it is, and what it does.
pub(in crate::resources::pve) fn refuse_others<M: SchemaModel>(
    cx: &Cx,
    changed: impl IntoIterator<Item = (Path, String)>,
    plan: &mut Plan<'_, M>,
) {
    let Ok(pve) = cx.pve() else { return };
    let identity = pve.client().identity();
    if identity == "root@pam" {
        return;
    }
    for (path, what) in changed {
        plan.error(
            path,
            "Only root may do this",
            format!(
                "{what} Proxmox VE lets only `root@pam` with a password add, change or remove that, and the login is \
                 {identity}. Log in with `username = \"root@pam\"` and `password`, or do without."
            ),
        );
    }
}
