//! Files that a client uploads.

use super::file::{self, Place};
use crate::pve::answer::{Answer, Failure};
use crate::pve::handlers::{Request, Route, route};
use crate::pve::qemu::guard::outcome;
use crate::pve::state::{Lab, random_hex};
use crate::pve::tasks::Plan;
use crate::pve::upid::Upid;

/// Handlers of this noun.
pub const ROUTES: &[Route] = &[route("POST", "/nodes/{node}/storage/{storage}/upload", upload)];

fn upload(lab: &mut Lab, request: &Request) -> Answer {
    let params = &request.params;
    let node = request.node().to_owned();
    let storage = params.text_or_empty("storage");
    let name = params.text_or_empty("filename");
    let place = file::place(lab, &node, storage, params.text_or_empty("content"), name)?;
    let expected = file::expected(params);
    let upload = request.upload.clone().ok_or_else(|| Failure::died("temporary file '' does not exist"))?;
    let time = lab.usual_task_time();
    let plan = Plan::new("imgcopy", "", time, move |lab: &mut Lab, upid: &Upid| {
        let temporary = format!("/var/tmp/pveupload-{}", random_hex(16));
        let mut log = vec![format!("starting file import from: {temporary}")];
        let result = file::verify(expected.as_ref(), &upload.content, &mut log)
            .and_then(|()| store(lab, &place, &upload.content, &temporary, &mut log));
        log.into_iter().for_each(|line| lab.tasks.log(upid, line));
        outcome(result)
    });
    Ok(lab.start_task(&node, &request.who.0, plan).to_string().into())
}

fn store(
    lab: &mut Lab,
    place: &Place,
    data: &[u8],
    temporary: &str,
    log: &mut Vec<String>,
) -> Result<(), Failure> {
    log.push(format!("target node: {}", place.node));
    log.push(format!("target file: {}", place.path));
    log.push(format!("file size is: {}", data.len()));
    log.push(format!("command: cp -- {temporary} {}", place.path));
    if !file::fits(lab, place, data) {
        let message = format!("import failed: cp: error writing '{}': No space left on device", place.path);
        return Err(Failure::died(message));
    }
    file::keep(lab, place, data);
    log.push("finished file import successfully".to_owned());
    Ok(())
}
