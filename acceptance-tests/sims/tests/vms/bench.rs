//! A lab that is called in process. Its tasks run to their end when they are waited for; nothing takes time.

use std::collections::VecDeque;

use serde_json::Value;
use sims::pve::answer::{Answer, Failure};
use sims::pve::body::{self, Upload};
use sims::pve::handlers::{self, Request};
use sims::pve::params::Param;
use sims::pve::permissions::Principal;
use sims::pve::profile::Profile;
use sims::pve::release::Release;
use sims::pve::router::Router;
use sims::pve::state::Lab;
use sims::pve::tasks::{Progress, Step};
use sims::pve::upid::Upid;
use sims::pve::{check, handlers::Handler};

/// A lab and who calls it.
pub struct Bench {
    /// The state.
    pub lab: Lab,
    router: Router,
    who: Principal,
}

impl Bench {
    /// A fresh lab with this profile, called by root.
    pub fn new(profile: &str) -> Self {
        let profile = Profile::named(profile).expect("the profile is built in");
        Self {
            lab: profile.lab_of(Release::V9_2),
            router: Router::new(),
            who: Principal("root@pam".to_owned()),
        }
    }

    /// From now on a user calls, or a token of one.
    pub fn call_as(&mut self, who: &str) {
        self.who = Principal(who.to_owned());
    }

    /// Calls a method; `form` is a URL-encoded body or query.
    pub fn call(&mut self, verb: &str, path: &str, form: &str) -> Answer {
        self.send(verb, path, form, None)
    }

    fn send(&mut self, verb: &str, path: &str, form: &str, upload: Option<Upload>) -> Answer {
        let found = self.router.find(verb, path).unwrap_or_else(|| panic!("no method {verb} {path}"));
        let mut params = body::form(form.as_bytes());
        for (name, value) in found.captured {
            params.0.insert(name, Param::Text(value));
        }
        self.lab.check_permissions(&self.who, &found.method.permissions, &params)?;
        let errors = check::request(found.method, &params);
        if !errors.is_empty() {
            return Err(Failure::parameters(errors));
        }
        let handler = handler(verb, &found.method.path);
        handler(&mut self.lab, &Request { method: found.method, params, who: self.who.clone(), upload })
    }

    /// Calls a method that must succeed; answers its data.
    #[track_caller]
    pub fn ok(&mut self, verb: &str, path: &str, form: &str) -> Value {
        match self.call(verb, path, form) {
            Ok(reply) => reply.data,
            Err(failure) => panic!("{verb} {path} {form}: {} {:?}", failure.message, failure.errors),
        }
    }

    /// Calls a method that must fail; answers its message, or the errors of its parameters.
    #[track_caller]
    pub fn refused(&mut self, verb: &str, path: &str, form: &str) -> String {
        match self.call(verb, path, form) {
            Ok(reply) => panic!("{verb} {path} {form} was answered: {}", reply.data),
            Err(failure) if failure.errors.is_empty() => failure.message,
            Err(failure) => {
                let errors =
                    failure.errors.iter().map(|(name, text)| format!("{name}: {}\n", text.trim_end()));
                errors.collect()
            }
        }
    }

    /// Calls a method that starts a task and waits for its end; answers how it ended.
    #[track_caller]
    pub fn task(&mut self, verb: &str, path: &str, form: &str) -> String {
        let upid = self.ok(verb, path, form);
        self.ended(&upid)
    }

    #[track_caller]
    fn ended(&mut self, upid: &Value) -> String {
        let upid: Upid = upid.as_str().expect("a task id").parse().expect("a task id");
        self.settle();
        self.lab.tasks.find(&upid).and_then(|task| task.exit.clone()).expect("the task has ended")
    }

    /// Uploads an ISO to a storage of `pve1`; answers how the task ended.
    #[track_caller]
    pub fn upload(&mut self, storage: &str, name: &str, content: &[u8]) -> String {
        let path = format!("/nodes/pve1/storage/{storage}/upload");
        let upload = Upload { filename: name.to_owned(), content: content.to_vec().into() };
        let answer = self.send("POST", &path, &format!("content=iso&filename={name}"), Some(upload));
        let upid = answer.map(|reply| reply.data).unwrap_or_else(|failure| panic!("{}", failure.message));
        self.ended(&upid)
    }

    /// Log of the last task that ended.
    pub fn log(&self) -> Vec<String> {
        let last = self.lab.tasks.list.iter().max_by_key(|task| task.ended_as);
        last.map(|task| task.log.clone()).unwrap_or_default()
    }

    /// Runs all tasks until nothing more happens. A task that waits for a lock file that nobody gives back fails.
    pub fn settle(&mut self) {
        let mut work: VecDeque<(Upid, Step)> = VecDeque::new();
        let mut waited = 0;
        loop {
            let queued = std::mem::take(&mut self.lab.tasks.queued);
            work.extend(queued.into_iter().map(|(upid, plan)| (upid, plan.step)));
            let Some((upid, step)) = work.pop_front() else { return };
            waited += 1;
            match step(&mut self.lab, &upid) {
                Progress::Then(_, next) => {
                    work.push_back((upid, next));
                    waited = 0;
                }
                Progress::Waiting(_, next) if waited <= work.len() => work.push_back((upid, next)),
                Progress::Waiting(busy, _) => {
                    self.lab.clean_up_after(&upid);
                    self.lab.end_task(&upid, &format!("can't lock file '{}' - got timeout", busy.path));
                }
                ended => {
                    waited = 0;
                    let exit = match ended {
                        Progress::Failed(message) => message,
                        Progress::Warnings(count) => format!("WARNINGS: {count}"),
                        _ => "OK".to_owned(),
                    };
                    self.lab.end_task(&upid, &exit);
                }
            }
        }
    }

    /// An option of a VM's configuration in force.
    pub fn option(&self, vmid: u32, key: &str) -> Option<&str> {
        self.lab.vms.get(&vmid)?.get(key)
    }

    /// Ids of the volumes that a node sees on a storage.
    pub fn volumes(&self, node: &str, storage: &str) -> Vec<String> {
        self.lab.volumes_on(node, storage).map(|(id, _)| id.to_string()).collect()
    }
}

fn handler(verb: &str, path: &str) -> Handler {
    let route = handlers::routes().find(|route| route.verb == verb && route.path == path);
    route.unwrap_or_else(|| panic!("{verb} {path} is not played")).handler
}
