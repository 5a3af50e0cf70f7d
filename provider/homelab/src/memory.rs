//! What a run remembers of Proxmox VE, so that many resources ask once, and what its plans have to know of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use pve_client::{
    BackupJob, Disk, GroupName, HaServiceId, InterfaceName, Logins, Mapping, MappingKind, MappingName,
    NodeName, Permissions, PoolName, Pve, RoleName, Secret, StorageName, TokenId, UserId, VmAddress,
    VmConfig, VmId, VolumeId,
};
use tokio::sync::Mutex;

use crate::resources::backup::TierNames;
use crate::resources::backup::tier_number::TierNumber;
use crate::resources::pve::token::Token;
use crate::resources::pve::vm::PassedThrough;

/// Answers of the service, by what they are about. Who asks while another does waits for that one's answer.
#[derive(Debug)]
struct Once<About, Answer>(Mutex<BTreeMap<About, Arc<Answer>>>);

impl<About, Answer> Default for Once<About, Answer> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<About: Ord, Answer> Once<About, Answer> {
    /// What was answered before, or what `ask` tells now. A failure is not kept.
    async fn get(
        &self,
        pve: &Pve,
        about: About,
        ask: impl Future<Output = pve_client::Result<Answer>>,
    ) -> pve_client::Result<Arc<Answer>> {
        let mut known = pve.scope().run(self.0.lock()).await?;
        if let Some(answer) = known.get(&about) {
            return Ok(answer.clone());
        }
        let answer = Arc::new(ask.await?);
        known.insert(about, answer.clone());
        Ok(answer)
    }

    async fn forget(&self) {
        self.0.lock().await.clear();
    }
}

/// Answers of one run.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    permissions: Once<(), Permissions>,
    unreachable: AtomicBool,
    privileges: Once<(), BTreeSet<String>>,
    time_zones: Once<(), BTreeMap<NodeName, String>>,
    backup_jobs: Once<(), Vec<BackupJob>>,
    tier_names: Once<(), TierNames>,
    planned_tiers: SyncMutex<BTreeMap<TierNumber, Option<String>>>,
    secrets: SyncMutex<BTreeMap<TokenId, Secret>>,
    rotations: SyncMutex<BTreeMap<TokenId, Token>>,
    expected: SyncMutex<BTreeSet<Expected>>,
    managed: SyncMutex<BTreeSet<String>>,
    bridges: Once<NodeName, BTreeSet<InterfaceName>>,
    mappings: Once<MappingKind, Vec<Mapping>>,
    planned_mappings: SyncMutex<BTreeMap<(MappingKind, MappingName), Mapping>>,
    claims: SyncMutex<BTreeMap<(NodeName, MappingName), BTreeSet<String>>>,
    volumes: Once<Shelf, BTreeSet<VolumeId>>,
    passed_through: Once<NodeName, BTreeMap<VmId, PassedThrough>>,
    roles: Once<(), BTreeSet<RoleName>>,
    groups: Once<(), BTreeSet<GroupName>>,
    logins: Once<(), Logins>,
    disks: Once<NodeName, Vec<Disk>>,
    ha_services: Once<(), BTreeSet<HaServiceId>>,
    realms: Once<(), BTreeSet<String>>,
    cpu_models: Once<NodeName, BTreeSet<String>>,
    image_sizes: Once<(NodeName, VolumeId), Option<u64>>,
    sources: Once<VmAddress, VmConfig>,
}

/// Where volumes are listed: on a node unless all see the same, on a storage, of one content.
type Shelf = (Option<NodeName>, StorageName, &'static str);

impl Memory {
    /// What the login may do, asked once.
    pub(crate) async fn permissions(&self, pve: &Pve) -> pve_client::Result<Arc<Permissions>> {
        self.permissions.get(pve, (), pve.permissions(None)).await
    }

    /// Forgets what the login may do, after a change that could have changed it.
    pub(crate) async fn forget_permissions(&self) {
        self.permissions.forget().await;
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
        let administrator = "Administrator".parse().map_err(|error: pve_client::InvalidId| {
            pve_client::Error::Config { reason: error.to_string() }
        })?;
        self.privileges.get(pve, (), pve.role(&administrator)).await
    }

    /// The time zones of the nodes that are up, asked once.
    pub(crate) async fn time_zones(&self, pve: &Pve) -> pve_client::Result<Arc<BTreeMap<NodeName, String>>> {
        let ask = async {
            let mut zones = BTreeMap::new();
            for node in pve.cluster().await?.nodes.iter().filter(|node| node.online) {
                zones.insert(node.name.clone(), pve.node_time_zone(&node.name).await?);
            }
            Ok(zones)
        };
        self.time_zones.get(pve, (), ask).await
    }

    /// The mappings of a kind, asked once.
    pub(crate) async fn mappings(
        &self,
        pve: &Pve,
        kind: MappingKind,
    ) -> pve_client::Result<Arc<Vec<Mapping>>> {
        self.mappings.get(pve, kind, pve.mappings(kind)).await
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
        self.passed_through.get(pve, node.clone(), PassedThrough::on(pve, node)).await
    }

    /// The roles, asked once.
    pub(crate) async fn roles(&self, pve: &Pve) -> pve_client::Result<Arc<BTreeSet<RoleName>>> {
        let names = async { Ok(pve.roles().await?.into_iter().map(|role| role.name).collect()) };
        self.roles.get(pve, (), names).await
    }

    /// The groups that the login may see, asked once.
    pub(crate) async fn groups(&self, pve: &Pve) -> pve_client::Result<Arc<BTreeSet<GroupName>>> {
        let names = async { Ok(pve.groups().await?.into_iter().map(|group| group.name).collect()) };
        self.groups.get(pve, (), names).await
    }

    /// The users and tokens that the login may see, asked once.
    pub(crate) async fn logins(&self, pve: &Pve) -> pve_client::Result<Arc<Logins>> {
        self.logins.get(pve, (), pve.logins()).await
    }

    /// The names of the realms, asked once.
    pub(crate) async fn realms(&self, pve: &Pve) -> pve_client::Result<Arc<BTreeSet<String>>> {
        self.realms.get(pve, (), pve.realms()).await
    }

    /// The guests of the manager of high availability, asked once.
    pub(crate) async fn ha_services(&self, pve: &Pve) -> pve_client::Result<Arc<BTreeSet<HaServiceId>>> {
        let ids = async { Ok(pve.ha_resources().await?.into_iter().map(|found| found.id).collect()) };
        self.ha_services.get(pve, (), ids).await
    }

    /// The disks of a node, asked once.
    pub(crate) async fn disks(&self, pve: &Pve, node: &NodeName) -> pve_client::Result<Arc<Vec<Disk>>> {
        self.disks.get(pve, node.clone(), pve.disks(node)).await
    }

    /// The configuration of a machine that others are cloned from, asked once.
    pub(crate) async fn source(&self, pve: &Pve, at: &VmAddress) -> pve_client::Result<Arc<VmConfig>> {
        self.sources.get(pve, at.clone(), pve.vm_config(at)).await
    }

    /// The CPU models of a node, asked once.
    pub(crate) async fn cpu_models(
        &self,
        pve: &Pve,
        node: &NodeName,
    ) -> pve_client::Result<Arc<BTreeSet<String>>> {
        self.cpu_models.get(pve, node.clone(), pve.cpu_models(node)).await
    }

    /// How many bytes the disk in an image has, as a node sees it, asked once.
    pub(crate) async fn image_size(
        &self,
        pve: &Pve,
        node: &NodeName,
        image: &VolumeId,
    ) -> pve_client::Result<Option<u64>> {
        Ok(*self.image_sizes.get(pve, (node.clone(), image.clone()), pve.volume_size(node, image)).await?)
    }

    /// The volumes of a storage with a content, as a node sees them, asked once. `everywhere`: all nodes see the same.
    pub(crate) async fn volumes(
        &self,
        pve: &Pve,
        node: &NodeName,
        storage: &StorageName,
        everywhere: bool,
        content: &'static str,
    ) -> pve_client::Result<Arc<BTreeSet<VolumeId>>> {
        let shelf = ((!everywhere).then(|| node.clone()), storage.clone(), content);
        let list = async {
            let listed = pve.volumes(node, storage, Some(content), None).await?;
            Ok(listed.into_iter().map(|volume| volume.id).collect())
        };
        self.volumes.get(pve, shelf, list).await
    }

    /// The backup jobs, asked once.
    pub(crate) async fn backup_jobs(&self, pve: &Pve) -> pve_client::Result<Arc<Vec<BackupJob>>> {
        self.backup_jobs.get(pve, (), pve.backup_jobs()).await
    }

    /// Forgets the backup jobs, after a change of them.
    pub(crate) async fn forget_backup_jobs(&self) {
        self.backup_jobs.forget().await;
    }

    /// What the backup tiers are called once what this run plans is done. The pools are asked once.
    pub(crate) async fn tier_names(&self, pve: &Pve) -> pve_client::Result<TierNames> {
        let ask = async { Ok(TierNames::of(&pve.pools().await?)) };
        let names = self.tier_names.get(pve, (), ask).await?;
        let planned = self.planned_tiers.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(names.after(&planned))
    }

    /// Forgets what the backup tiers are called, after a change of them.
    pub(crate) async fn forget_tier_names(&self) {
        self.tier_names.forget().await;
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

    /// Notes what a token was before its rotation began.
    pub(crate) fn begin_rotation(&self, token: TokenId, before: Token) {
        self.rotations.lock().unwrap_or_else(PoisonError::into_inner).insert(token, before);
    }

    /// Notes that the rotation of a token is done.
    pub(crate) fn end_rotation(&self, token: &TokenId) {
        self.rotations.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
    }

    /// What a token was before a rotation that has not ended, and so still is.
    pub(crate) fn before_rotation(&self, token: &TokenId) -> Option<Token> {
        self.rotations.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    /// Notes what this run plans to make. What depends on it is planned after it, and so learns of it.
    pub(crate) fn expect(&self, expected: Expected) {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).insert(expected);
    }

    /// Notes that something which was planned is being made.
    pub(crate) fn no_longer_expect(&self, made: &Expected) {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).remove(made);
    }

    /// Whether this run plans to make something.
    pub(crate) fn expects(&self, expected: &Expected) -> bool {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).contains(expected)
    }

    /// Notes an object that a state of this run knows, as messages call it.
    pub(crate) fn note_managed(&self, object: &str) {
        self.managed.lock().unwrap_or_else(PoisonError::into_inner).insert(object.to_owned());
    }

    /// Whether a state of this run knows an object.
    pub(crate) fn manages(&self, object: &str) -> bool {
        self.managed.lock().unwrap_or_else(PoisonError::into_inner).contains(object)
    }

    /// The bridges of a node that the login may use, asked once.
    pub(crate) async fn bridges(
        &self,
        pve: &Pve,
        node: &NodeName,
    ) -> pve_client::Result<Arc<BTreeSet<InterfaceName>>> {
        self.bridges.get(pve, node.clone(), pve.bridges(node)).await
    }
}

/// Something that a run plans to make, and that other plans name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expected {
    /// A bridge of a node.
    Bridge(NodeName, InterfaceName),
    /// An interface of a node, of any kind.
    Interface(NodeName, InterfaceName),
    /// A disk of a node that is wiped, and so free again.
    FreeDisk(NodeName, String),
    /// A group of users.
    Group(GroupName),
    /// A guest under the manager of high availability.
    HaResource(HaServiceId),
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
    /// A volume that is an image.
    Volume(VolumeId),
}
