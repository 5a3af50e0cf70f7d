//! Each failure as the user reads it.

use std::collections::BTreeMap;

use super::*;

fn attempt() -> Attempt {
    Attempt {
        what: "create pool \"web\"".to_owned(),
        endpoint: "https://pve1.example:8006".to_owned(),
        identity: "tf@pve!ci".to_owned(),
    }
}

fn said(error: PveError) -> Diagnostic {
    let mut said = attempt().failed(error, &|wire| (wire == "poolid").then(|| Path::from("name"))).0;
    assert_eq!(said.len(), 1, "{said:?}");
    said.remove(0)
}

#[test]
fn a_missing_privilege_names_the_commands_that_grant_it() {
    let said = said(PveError::Forbidden {
        message: "Permission check failed (/pool/web, Pool.Allocate)".to_owned(),
    });
    assert_eq!(said.summary, "Permission is missing");
    assert!(said.detail.contains("pveum role add HomelabPoolAllocate --privs Pool.Allocate"), "{said}");
    assert!(
        said.detail.contains("pveum acl modify /pool/web --tokens 'tf@pve!ci' --roles HomelabPoolAllocate"),
        "{said}"
    );
}

#[test]
fn a_refused_parameter_is_blamed_on_its_attribute() {
    let fields = BTreeMap::from([("poolid".to_owned(), "invalid format".to_owned())]);
    let said = said(PveError::Rejected { message: "Parameter verification failed.".to_owned(), fields });
    assert_eq!(said.path, Some("name".into()));
    assert!(said.detail.contains("`name` (`poolid` in Proxmox VE): “invalid format”"), "{said}");
}
