//! Virtual machines: creating, cloning, moving and deleting.

use crate::{Call, NodeName, Params, Pve, Result, Upid, VmAddress, VmId};

pub(crate) fn post(vm: &VmAddress, rest: &str, params: Params) -> Call {
    Call::post(vm.path(rest)).with(params)
}

impl Pve {
    /// A free number. Nothing is reserved: a create may still find it taken.
    pub async fn next_id(&self) -> Result<VmId> {
        let call = Call::get("/cluster/nextid");
        let data = self.send(&call).await?;
        crate::decode::text(&data)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| crate::client::unexpected(&call, "the data is not a VM id"))
    }

    /// Creates a machine. A taken number is refused at once; the rest happens in the task.
    pub async fn create_vm(&self, vm: &VmAddress, params: Params) -> Result<Upid> {
        self.upid(&create_call(vm, params)).await
    }

    /// Clones a machine or template to a new number.
    pub async fn clone_vm(&self, source: &VmAddress, to: VmId, params: Params) -> Result<Upid> {
        self.upid(&post(source, "/clone", Params::new().set("newid", to).and(params))).await
    }

    /// Moves a machine to another node; a running one needs `online`.
    pub async fn migrate_vm(
        &self,
        vm: &VmAddress,
        target: &NodeName,
        online: bool,
        more: Params,
    ) -> Result<Upid> {
        let params = Params::new().set("target", target).flag("online", online).and(more);
        self.upid(&post(vm, "/migrate", params)).await
    }

    /// Turns a machine into a template.
    pub async fn make_template(&self, vm: &VmAddress) -> Result<Upid> {
        self.upid(&post(vm, "/template", Params::new())).await
    }

    /// Deletes a stopped machine with the disks it owns.
    pub async fn delete_vm(
        &self,
        vm: &VmAddress,
        purge: bool,
        destroy_unreferenced_disks: bool,
    ) -> Result<Upid> {
        self.upid(&delete_call(vm, purge, destroy_unreferenced_disks)).await
    }
}

fn create_call(vm: &VmAddress, params: Params) -> Call {
    Call::post(format!("/nodes/{}/qemu", vm.node)).with(Params::new().set("vmid", vm.id).and(params))
}

fn delete_call(vm: &VmAddress, purge: bool, sweep: bool) -> Call {
    // The default of the second one changed between releases, so it is always sent.
    Call::delete(vm.path(""))
        .with(Params::new().flag("purge", purge).bool("destroy-unreferenced-disks", sweep))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm() -> VmAddress {
        VmAddress::new("pve1".parse().unwrap(), VmId::new(100).unwrap())
    }

    #[test]
    fn calls_have_exactly_these_bytes() {
        let create =
            Params::new().set("name", "web 1").set("scsi0", "local:8,discard=on").bool("onboot", true);
        assert_eq!(
            create_call(&vm(), create).wire(),
            "POST /api2/json/nodes/pve1/qemu vmid=100&name=web+1&scsi0=local%3A8%2Cdiscard%3Don&onboot=1"
        );
        assert_eq!(
            delete_call(&vm(), true, false).wire(),
            "DELETE /api2/json/nodes/pve1/qemu/100?purge=1&destroy-unreferenced-disks=0"
        );
        assert_eq!(
            post(&vm(), "/status/start", Params::new()).wire(),
            "POST /api2/json/nodes/pve1/qemu/100/status/start"
        );
    }
}
