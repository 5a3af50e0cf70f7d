//! Privileges and the roles that are built in (pve-access-control 9.1 and 8.2).

use super::release::Release;

/// Every privilege of Proxmox VE 9.
pub const PRIVILEGES: [&str; 47] = [
    "Datastore.Allocate",
    "Datastore.AllocateSpace",
    "Datastore.AllocateTemplate",
    "Datastore.Audit",
    "Group.Allocate",
    "Mapping.Audit",
    "Mapping.Modify",
    "Mapping.Use",
    "Permissions.Modify",
    "Pool.Allocate",
    "Pool.Audit",
    "Realm.Allocate",
    "Realm.AllocateUser",
    "SDN.Allocate",
    "SDN.Audit",
    "SDN.Use",
    "Sys.AccessNetwork",
    "Sys.Audit",
    "Sys.Console",
    "Sys.Incoming",
    "Sys.Modify",
    "Sys.PowerMgmt",
    "Sys.Syslog",
    "User.Modify",
    "VM.Allocate",
    "VM.Audit",
    "VM.Backup",
    "VM.Clone",
    "VM.Config.CDROM",
    "VM.Config.CPU",
    "VM.Config.Cloudinit",
    "VM.Config.Disk",
    "VM.Config.HWType",
    "VM.Config.Memory",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Console",
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite",
    "VM.GuestAgent.Unrestricted",
    "VM.Migrate",
    "VM.PowerMgmt",
    "VM.Replicate",
    "VM.Snapshot",
    "VM.Snapshot.Rollback",
];

/// Names of the built-in roles.
pub const BUILT_IN: [&str; 17] = [
    "Administrator",
    "NoAccess",
    "PVEAdmin",
    "PVEAuditor",
    "PVEDatastoreAdmin",
    "PVEDatastoreUser",
    "PVEMappingAdmin",
    "PVEMappingUser",
    "PVEPoolAdmin",
    "PVEPoolUser",
    "PVESDNAdmin",
    "PVESDNUser",
    "PVESysAdmin",
    "PVETemplateUser",
    "PVEUserAdmin",
    "PVEVMAdmin",
    "PVEVMUser",
];

/// Privileges that a release knows.
pub fn privileges(release: Release) -> Vec<&'static str> {
    match release {
        Release::V9_2 => PRIVILEGES.to_vec(),
        Release::V8_4 => PRIVILEGES
            .iter()
            .copied()
            .filter(|name| !name.starts_with("VM.GuestAgent.") && *name != "VM.Replicate")
            .chain(["VM.Monitor"])
            .collect(),
    }
}

/// Privileges of a built-in role.
pub fn built_in(release: Release, role: &str) -> Option<Vec<&'static str>> {
    let holds: fn(&str) -> bool = match role {
        "Administrator" => |_| true,
        "NoAccess" => |_| false,
        "PVEAdmin" => |name| !reserved(name),
        "PVEAuditor" => |name| name.ends_with(".Audit"),
        "PVEDatastoreAdmin" => |name| name.starts_with("Datastore."),
        "PVEDatastoreUser" => |name| matches!(name, "Datastore.AllocateSpace" | "Datastore.Audit"),
        "PVEMappingAdmin" => |name| name.starts_with("Mapping."),
        "PVEMappingUser" => |name| matches!(name, "Mapping.Audit" | "Mapping.Use"),
        "PVEPoolAdmin" => |name| name.starts_with("Pool."),
        "PVEPoolUser" => |name| name == "Pool.Audit",
        "PVESDNAdmin" => |name| name.starts_with("SDN."),
        "PVESDNUser" => |name| matches!(name, "SDN.Audit" | "SDN.Use"),
        "PVESysAdmin" => |name| matches!(name, "Sys.Audit" | "Sys.Console" | "Sys.Syslog"),
        "PVETemplateUser" => |name| matches!(name, "VM.Audit" | "VM.Clone"),
        "PVEUserAdmin" => |name| matches!(name, "Group.Allocate" | "Realm.AllocateUser" | "User.Modify"),
        "PVEVMAdmin" => |name| name.starts_with("VM."),
        "PVEVMUser" => user_of_vms,
        _ => return None,
    };
    Some(privileges(release).into_iter().filter(|name| holds(name)).collect())
}

/// Privileges that only the administrator holds.
fn reserved(name: &str) -> bool {
    matches!(
        name,
        "Mapping.Modify"
            | "Permissions.Modify"
            | "Realm.Allocate"
            | "Sys.AccessNetwork"
            | "Sys.Incoming"
            | "Sys.Modify"
            | "Sys.PowerMgmt"
    )
}

fn user_of_vms(name: &str) -> bool {
    matches!(
        name,
        "VM.Audit"
            | "VM.Backup"
            | "VM.Config.CDROM"
            | "VM.Config.Cloudinit"
            | "VM.Console"
            | "VM.GuestAgent.Audit"
            | "VM.GuestAgent.FileRead"
            | "VM.GuestAgent.FileSystemMgmt"
            | "VM.GuestAgent.FileWrite"
            | "VM.PowerMgmt"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_privileges_of_a_release_are_its_own() {
        assert!(!privileges(Release::V9_2).contains(&"VM.Monitor"));
        assert!(privileges(Release::V8_4).contains(&"VM.Monitor"));
        assert!(!privileges(Release::V8_4).contains(&"VM.GuestAgent.Audit"));
    }

    #[test]
    fn every_built_in_role_has_a_definition() {
        for role in BUILT_IN {
            assert!(built_in(Release::V9_2, role).is_some(), "{role}");
        }
        assert_eq!(built_in(Release::V9_2, "Administrator").unwrap().len(), PRIVILEGES.len());
        assert_eq!(built_in(Release::V9_2, "TFRole"), None);
    }
}
