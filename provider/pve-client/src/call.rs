//! Requests as pure data, and their exact bytes.

use api_core::{Content, HeaderValue, Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Escapes one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Parameters in the order they were given.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

// Values may be passwords, so only the names are printed.
impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.0.push((name.into(), value.to_string()));
        self
    }

    /// Adds a value if there is one.
    #[must_use]
    pub fn opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Adds a boolean, as the `0` or `1` that form bodies need.
    #[must_use]
    pub fn bool(self, name: &str, value: bool) -> Self {
        self.set(name, u8::from(value))
    }

    /// Adds `1` if true, nothing otherwise.
    #[must_use]
    pub fn flag(self, name: &str, value: bool) -> Self {
        if value { self.set(name, 1) } else { self }
    }

    /// Adds a comma list; nothing if it is empty.
    #[must_use]
    pub fn list<T: ToString>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<String> = values.into_iter().map(|v| v.to_string()).collect();
        if values.is_empty() { self } else { self.set(name, values.join(",")) }
    }

    /// Adds all of another set.
    #[must_use]
    pub fn and(mut self, other: Params) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Adds a value in place.
    pub fn push(&mut self, name: impl Into<String>, value: impl ToString) {
        self.0.push((name.into(), value.to_string()));
    }

    /// The value of a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.iter()).finish()
    }
}

/// One call of the API: a method, a path below `/api2/json`, and parameters.
#[derive(Clone, Debug)]
pub struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) params: Params,
    content: Option<(Content, HeaderValue)>,
    idempotent: bool,
}

impl Call {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), params: Params::new(), content: None, idempotent: false }
    }

    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A POST.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// A PUT.
    pub fn put(path: impl Into<String>) -> Self {
        Self::new(Method::PUT, path)
    }

    /// A DELETE.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// Adds parameters.
    #[must_use]
    pub fn with(mut self, params: Params) -> Self {
        self.params = self.params.and(params);
        self
    }

    /// Sends content of a type in place of parameters.
    #[must_use]
    pub(crate) fn sending(mut self, content: Content, kind: HeaderValue) -> Self {
        self.content = Some((content, kind));
        self
    }

    /// Marks a write that may be sent again when its answer was lost, because doing it twice is doing it once.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Method and path, for messages.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The request without credentials. The proxy refuses a body on GET and DELETE, so their
    /// parameters go into the query.
    pub fn request(&self) -> Request {
        let mut request = Request::new(self.method.clone(), format!("/api2/json{}", self.path));
        request.repeatable |= self.idempotent;
        if let Some((content, kind)) = &self.content {
            request.content = Some(content.clone());
            request.headers.insert(http::header::CONTENT_TYPE, kind.clone());
            return request;
        }
        if self.params.is_empty() {
            return request;
        }
        if self.method == Method::GET || self.method == Method::DELETE {
            request.target = format!("{}?{}", request.target, self.params.encoded());
        } else {
            request.body = self.params.encoded().into();
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers.insert(http::header::CONTENT_TYPE, form);
        }
        request
    }

    /// Method, target and body on one line, for literal wire tests.
    pub fn wire(&self) -> String {
        let request = self.request();
        let body = String::from_utf8_lossy(&request.body);
        format!("{} {} {body}", request.method, request.target).trim_end().to_owned()
    }
}
