//! What a run remembers of Proxmox VE, so that many resources ask once, and what its plans have to know of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use pve_client::{
    BackupJob, Disk, GroupName, InterfaceName, Logins, Mapping, MappingKind, MappingName, NodeName,
    Permissions, PoolName, Pve, RoleName, Secret, StorageName, TokenId, UserId, VmId,
};
use tokio::sync::Mutex;

use crate::resources::backup::TierNames;
use crate::resources::backup::tier_number::TierNumber;
use crate::resources::pve::vm::PassedThrough;

/// Answers of one run.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    permissions: Mutex<Option<Arc<Permissions>>>,
    unreachable: AtomicBool,
    privileges: Mutex<Option<Arc<BTreeSet<String>>>>,
    time_zones: Mutex<Option<Arc<BTreeMap<NodeName, String>>>>,
    backup_jobs: Mutex<Option<Arc<Vec<BackupJob>>>>,
    tier_names: Mutex<Option<Arc<TierNames>>>,
    planned_tiers: SyncMutex<BTreeMap<TierNumber, Option<String>>>,
    secrets: SyncMutex<BTreeMap<TokenId, Secret>>,
    expected: SyncMutex<BTreeSet<Expected>>,
    bridges: Mutex<BTreeMap<NodeName, Arc<BTreeSet<InterfaceName>>>>,
    mappings: Mutex<BTreeMap<MappingKind, Arc<Vec<Mapping>>>>,
    planned_mappings: SyncMutex<BTreeMap<(MappingKind, MappingName), Mapping>>,
    claims: SyncMutex<BTreeMap<(NodeName, MappingName), BTreeSet<String>>>,
    passed_through: Mutex<BTreeMap<NodeName, Arc<BTreeMap<VmId, PassedThrough>>>>,
    roles: Mutex<Option<Arc<BTreeSet<RoleName>>>>,
    groups: Mutex<Option<Arc<BTreeSet<GroupName>>>>,
    logins: Mutex<Option<Arc<Logins>>>,
    disks: Mutex<BTreeMap<NodeName, Arc<Vec<Disk>>>>,
}

impl Memory {
    /// What the login may do, asked once.
    pub(crate) async fn permissions(&self, pve: &Pve) -> pve_client::Result<Arc<Permissions>> {
        let mut known = pve.scope().run(self.permissions.lock()).await?;
        if let Some(permissions) = known.as_ref() {
            return Ok(permissions.clone());
        }
        let permissions = Arc::new(pve.permissions(None).await?);
        *known = Some(permissions.clone());
        Ok(permissions)
    }

    /// Forgets what the login may do, after a change that could have changed it.
    pub(crate) async fn forget_permissions(&self) {
        *self.permissions.lock().await = None;
    }

    /// Notes that the service could not be asked, and says whether that is news.
    pub(crate) fn note_unreachable(&self) -> bool {
        !self.unreachable.swap(true, Ordering::Relaxed)
    }

    /// Whether it was noted that the service could not be asked.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.unreachable.load(Ordering::Relaxed)
    }

    /// Every privilege that this version of Proxmox VE knows: those of the role that has all.
    pub(crate) async fn privileges(&self, pve: &Pve) -> pve_client::Result<Arc<BTreeSet<String>>> {
        let mut known = pve.scope().run(self.privileges.lock()).await?;
        if let Some(privileges) = known.as_ref() {
            return Ok(privileges.clone());
        }
        let administrator = "Administrator".parse().map_err(|error: pve_client::InvalidId| {
            pve_client::Error::Config { reason: error.to_string() }
        })?;
        let privileges = Arc::new(pve.role(&administrator).await?);
        *known = Some(privileges.clone());
        Ok(privileges)
    }

    /// The time zones of the nodes that are up, asked once.
    pub(crate) async fn time_zones(&self, pve: &Pve) -> pve_client::Result<Arc<BTreeMap<NodeName, String>>> {
        let mut known = pve.scope().run(self.time_zones.lock()).await?;
        if let Some(zones) = known.as_ref() {
            return Ok(zones.clone());
        }
        let mut zones = BTreeMap::new();
        for node in pve.cluster().await?.nodes.iter().filter(|node| node.online) {
            zones.insert(node.name.clone(), pve.node_time_zone(&node.name).await?);
        }
        let zones = Arc::new(zones);
        *known = Some(zones.clone());
        Ok(zones)
    }

    /// The mappings of a kind, asked once.
    pub(crate) async fn mappings(
        &self,
        pve: &Pve,
        kind: MappingKind,
    ) -> pve_client::Result<Arc<Vec<Mapping>>> {
        let mut known = pve.scope().run(self.mappings.lock()).await?;
        if let Some(mappings) = known.get(&kind) {
            return Ok(mappings.clone());
        }
        let mappings = Arc::new(pve.mappings(kind).await?);
        known.insert(kind, mappings.clone());
        Ok(mappings)
    }

    /// Notes that a mapping is planned, for the plans of what refers to it: those come later.
    pub(crate) fn plan_mapping(&self, kind: MappingKind, mapping: Mapping) {
        let mut planned = self.planned_mappings.lock().unwrap_or_else(PoisonError::into_inner);
        planned.insert((kind, mapping.name.clone()), mapping);
    }

    /// A mapping as it is planned.
    pub(crate) fn planned_mapping(&self, kind: MappingKind, name: &MappingName) -> Option<Mapping> {
        let planned = self.planned_mappings.lock().unwrap_or_else(PoisonError::into_inner);
        planned.get(&(kind, name.clone())).cloned()
    }

    /// Notes that a planned machine is to run with a device of a mapping, and says which others are.
    pub(crate) fn claim(&self, node: &NodeName, mapping: &MappingName, machine: &str) -> BTreeSet<String> {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let machines = claims.entry((node.clone(), mapping.clone())).or_default();
        let mut others = machines.clone();
        others.remove(machine);
        machines.insert(machine.to_owned());
        others
    }

    /// The running machines of a node with whole PCI devices, asked once.
    pub(crate) async fn passed_through(
        &self,
        pve: &Pve,
        node: &NodeName,
    ) -> pve_client::Result<Arc<BTreeMap<VmId, PassedThrough>>> {
        let mut known = pve.scope().run(self.passed_through.lock()).await?;
        if let Some(machines) = known.get(node) {
            return Ok(machines.clone());
        }
        let machines = Arc::new(PassedThrough::on(pve, node).await?);
        known.insert(node.clone(), machines.clone());
        Ok(machines)
    }

    /// The roles, asked once.
    pub(crate) async fn roles(&self, pve: &Pve) -> pve_client::Result<Arc<BTreeSet<RoleName>>> {
        let mut known = pve.scope().run(self.roles.lock()).await?;
        if let Some(roles) = known.as_ref() {
            return Ok(roles.clone());
        }
        let roles = Arc::new(pve.roles().await?.into_iter().map(|role| role.name).collect());
        Ok(known.insert(roles).clone())
    }

    /// The groups that the login may see, asked once.
    pub(crate) async fn groups(&self, pve: &Pve) -> pve_client::Result<Arc<BTreeSet<GroupName>>> {
        let mut known = pve.scope().run(self.groups.lock()).await?;
        if let Some(groups) = known.as_ref() {
            return Ok(groups.clone());
        }
        let groups = Arc::new(pve.groups().await?.into_iter().map(|group| group.name).collect());
        Ok(known.insert(groups).clone())
    }

    /// The users and tokens that the login may see, asked once.
    pub(crate) async fn logins(&self, pve: &Pve) -> pve_client::Result<Arc<Logins>> {
        let mut known = pve.scope().run(self.logins.lock()).await?;
        if let Some(logins) = known.as_ref() {
            return Ok(logins.clone());
        }
        let logins = Arc::new(pve.logins().await?);
        Ok(known.insert(logins).clone())
    }

    /// The disks of a node, asked once.
    pub(crate) async fn disks(&self, pve: &Pve, node: &NodeName) -> pve_client::Result<Arc<Vec<Disk>>> {
        let mut known = pve.scope().run(self.disks.lock()).await?;
        if let Some(disks) = known.get(node) {
            return Ok(disks.clone());
        }
        let disks = Arc::new(pve.disks(node).await?);
        known.insert(node.clone(), disks.clone());
        Ok(disks)
    }

    /// The backup jobs, asked once.
    pub(crate) async fn backup_jobs(&self, pve: &Pve) -> pve_client::Result<Arc<Vec<BackupJob>>> {
        let mut known = pve.scope().run(self.backup_jobs.lock()).await?;
        if let Some(jobs) = known.as_ref() {
            return Ok(jobs.clone());
        }
        let jobs = Arc::new(pve.backup_jobs().await?);
        *known = Some(jobs.clone());
        Ok(jobs)
    }

    /// Forgets the backup jobs, after a change of them.
    pub(crate) async fn forget_backup_jobs(&self) {
        *self.backup_jobs.lock().await = None;
    }

    /// What the backup tiers are called once what this run plans is done. The pools are asked once.
    pub(crate) async fn tier_names(&self, pve: &Pve) -> pve_client::Result<TierNames> {
        let mut known = pve.scope().run(self.tier_names.lock()).await?;
        let names = match known.as_ref() {
            Some(names) => names.clone(),
            None => {
                let names = Arc::new(TierNames::of(&pve.pools().await?));
                *known = Some(names.clone());
                names
            }
        };
        let planned = self.planned_tiers.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(names.after(&planned))
    }

    /// Forgets what the backup tiers are called, after a change of them.
    pub(crate) async fn forget_tier_names(&self) {
        *self.tier_names.lock().await = None;
    }

    /// Notes what a tier is to be called; nothing for one that goes, unless another plan makes it.
    pub(crate) fn plan_tier(&self, number: TierNumber, name: Option<String>) {
        let mut planned = self.planned_tiers.lock().unwrap_or_else(PoisonError::into_inner);
        match name {
            Some(_) => drop(planned.insert(number, name)),
            None => drop(planned.entry(number).or_insert(None)),
        }
    }

    /// Keeps the secret of a token, which the service tells only once, until the state is read back.
    pub(crate) fn keep_secret(&self, token: TokenId, secret: Secret) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(token, secret);
    }

    /// The secret of a token that this run has made.
    pub(crate) fn secret(&self, token: &TokenId) -> Option<Secret> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    /// Notes what this run plans to make. What depends on it is planned after it, and so learns of it.
    pub(crate) fn expect(&self, expected: Expected) {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).insert(expected);
    }

    /// Whether this run plans to make something.
    pub(crate) fn expects(&self, expected: &Expected) -> bool {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).contains(expected)
    }

    /// The bridges of a node that the login may use, asked once.
    pub(crate) async fn bridges(
        &self,
        pve: &Pve,
        node: &NodeName,
    ) -> pve_client::Result<Arc<BTreeSet<InterfaceName>>> {
        let mut known = pve.scope().run(self.bridges.lock()).await?;
        if let Some(bridges) = known.get(node) {
            return Ok(bridges.clone());
        }
        let bridges = Arc::new(pve.bridges(node).await?);
        known.insert(node.clone(), bridges.clone());
        Ok(bridges)
    }
}

/// Something that a run plans to make, and that other plans name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expected {
    /// A bridge of a node.
    Bridge(NodeName, InterfaceName),
    /// A disk of a node that is wiped, and so free again.
    FreeDisk(NodeName, String),
    /// A group of users.
    Group(GroupName),
    /// A pool.
    Pool(PoolName),
    /// A role.
    Role(RoleName),
    /// A storage.
    Storage(StorageName),
    /// A token.
    Token(TokenId),
    /// A user.
    User(UserId),
    /// A machine.
    Vm(VmId),
}
