//! Limits of a disk's traffic.

use pve_client::PropertyString;
use tf_framework::prelude::*;

use super::named::{Named, Pair};
use super::writes::{option, option_of, quantity};

/// Limits of a disk's traffic. One that is left out does not exist. A burst is what is allowed for a moment.
#[derive(Clone, Debug, Default, PartialEq, Object)]
pub struct Limits {
    /// Reads and writes together, in MiB per second. Not together with limits of reads or of writes.
    #[schema(wire = "mbps", validate = range(0, 1_000_000))]
    pub total_mib_per_second: Option<f64>,
    /// Burst of reads and writes together, in MiB per second.
    #[schema(wire = "mbps_max", validate = range(0, 1_000_000))]
    pub total_burst_mib_per_second: Option<f64>,
    /// Reads, in MiB per second.
    #[schema(wire = "mbps_rd", validate = range(0, 1_000_000))]
    pub read_mib_per_second: Option<f64>,
    /// Burst of reads, in MiB per second.
    #[schema(wire = "mbps_rd_max", validate = range(0, 1_000_000))]
    pub read_burst_mib_per_second: Option<f64>,
    /// Writes, in MiB per second.
    #[schema(wire = "mbps_wr", validate = range(0, 1_000_000))]
    pub write_mib_per_second: Option<f64>,
    /// Burst of writes, in MiB per second.
    #[schema(wire = "mbps_wr_max", validate = range(0, 1_000_000))]
    pub write_burst_mib_per_second: Option<f64>,
    /// Reads and writes together, in operations per second. Not together with limits of reads or of writes.
    #[schema(wire = "iops", validate = range(0, 2_147_483_647))]
    pub total_operations_per_second: Option<u32>,
    /// Burst of reads and writes together, in operations per second.
    #[schema(wire = "iops_max", validate = range(0, 2_147_483_647))]
    pub total_burst_operations_per_second: Option<u32>,
    /// Reads, in operations per second.
    #[schema(wire = "iops_rd", validate = range(0, 2_147_483_647))]
    pub read_operations_per_second: Option<u32>,
    /// Burst of reads, in operations per second.
    #[schema(wire = "iops_rd_max", validate = range(0, 2_147_483_647))]
    pub read_burst_operations_per_second: Option<u32>,
    /// Writes, in operations per second.
    #[schema(wire = "iops_wr", validate = range(0, 2_147_483_647))]
    pub write_operations_per_second: Option<u32>,
    /// Burst of writes, in operations per second.
    #[schema(wire = "iops_wr_max", validate = range(0, 2_147_483_647))]
    pub write_burst_operations_per_second: Option<u32>,
}

/// What a drive says.
pub(super) fn read(named: Named<'_, Limits>, drive: &PropertyString) -> Option<Limits> {
    let rate = |key| option_of::<f64>(drive, key);
    let count = |key| option_of::<u32>(drive, key);
    named.object(|l| Limits {
        total_mib_per_second: l.of(|l| &l.total_mib_per_second).found(rate("mbps")),
        total_burst_mib_per_second: l.of(|l| &l.total_burst_mib_per_second).found(rate("mbps_max")),
        read_mib_per_second: l.of(|l| &l.read_mib_per_second).found(rate("mbps_rd")),
        read_burst_mib_per_second: l.of(|l| &l.read_burst_mib_per_second).found(rate("mbps_rd_max")),
        write_mib_per_second: l.of(|l| &l.write_mib_per_second).found(rate("mbps_wr")),
        write_burst_mib_per_second: l.of(|l| &l.write_burst_mib_per_second).found(rate("mbps_wr_max")),
        total_operations_per_second: l.of(|l| &l.total_operations_per_second).found(count("iops")),
        total_burst_operations_per_second: l
            .of(|l| &l.total_burst_operations_per_second)
            .found(count("iops_max")),
        read_operations_per_second: l.of(|l| &l.read_operations_per_second).found(count("iops_rd")),
        read_burst_operations_per_second: l
            .of(|l| &l.read_burst_operations_per_second)
            .found(count("iops_rd_max")),
        write_operations_per_second: l.of(|l| &l.write_operations_per_second).found(count("iops_wr")),
        write_burst_operations_per_second: l
            .of(|l| &l.write_burst_operations_per_second)
            .found(count("iops_wr_max")),
    })
}

/// Writes what changes.
pub(super) fn write(limits: Pair<'_, Limits>, drive: &mut PropertyString) {
    quantity(drive, "mbps", limits.wish(|l| &l.total_mib_per_second));
    quantity(drive, "mbps_max", limits.wish(|l| &l.total_burst_mib_per_second));
    quantity(drive, "mbps_rd", limits.wish(|l| &l.read_mib_per_second));
    quantity(drive, "mbps_rd_max", limits.wish(|l| &l.read_burst_mib_per_second));
    quantity(drive, "mbps_wr", limits.wish(|l| &l.write_mib_per_second));
    quantity(drive, "mbps_wr_max", limits.wish(|l| &l.write_burst_mib_per_second));
    option(drive, "iops", limits.wish(|l| &l.total_operations_per_second));
    option(drive, "iops_max", limits.wish(|l| &l.total_burst_operations_per_second));
    option(drive, "iops_rd", limits.wish(|l| &l.read_operations_per_second));
    option(drive, "iops_rd_max", limits.wish(|l| &l.read_burst_operations_per_second));
    option(drive, "iops_wr", limits.wish(|l| &l.write_operations_per_second));
    option(drive, "iops_wr_max", limits.wish(|l| &l.write_burst_operations_per_second));
}
