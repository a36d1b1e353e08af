//! `--live`: the report of a sweep under way, on a page of this machine alone.
//!
//! The page is on 127.0.0.1, behind a random token, and can only be read. A request must name that address as its host,
//! so that no page of another site reaches it through a name of its own.

use h5lab_core::failure::{Failure, FailureKind, Result};
use h5lab_core::record::Record;
use h5lab_core::report::document::{Document, document};
use h5lab_core::report::html::{live_page, live_part};
use h5lab_core::results::Results;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tiny_http::{Header, Method, Request, Response, Server};

/// Longest wait at the end, for a page that is open to fetch the last results.
const LAST_LOOK: Duration = Duration::from_secs(4);

/// A page that fills in.
pub struct Live {
    state: Arc<(Mutex<State>, Condvar)>,
    server: Arc<Server>,
    url: String,
}

#[derive(Default)]
struct State {
    results: Results,
    cells: usize,
    done: bool,
    /// When a page last asked, and which version it has.
    asked: Option<Instant>,
    fetched: usize,
}

impl State {
    fn version(&self) -> usize {
        self.results.cells.len() + usize::from(self.done)
    }

    fn text(&self) -> String {
        let measured = self.results.cells.len();
        let what = if self.done { "Done" } else { "Measuring" };
        format!("{what}: {measured} of {} cells.", self.cells)
    }

    fn document(&self) -> Document {
        document(&self.results, "h5lab: a sweep under way")
    }
}

impl Live {
    /// Starts the page for a sweep of so many cells.
    ///
    /// # Errors
    /// `Environment` if no port can be had.
    pub fn start(cells: usize) -> Result<Self> {
        let fail = |why: String| {
            Failure::new(FailureKind::Environment, format!("the live page can't be started: {why}"))
                .mend("leave out --live; the results are in the --save file")
        };
        let server = Server::http("127.0.0.1:0").map_err(|e| fail(e.to_string()))?;
        let address = server.server_addr().to_ip().ok_or_else(|| fail("it has no address".into()))?;
        let token = token().map_err(|e| fail(e.to_string()))?;
        let url = format!("http://{address}/{token}/");
        let mut results = Results::new();
        results.source("the sweep under way");
        let state = Arc::new((Mutex::new(State { results, cells, ..State::default() }), Condvar::new()));
        let (server, shared) = (Arc::new(server), state.clone());
        let (listening, host) = (server.clone(), address.to_string());
        std::thread::spawn(move || {
            for request in listening.incoming_requests() {
                answer(request, &token, &host, &shared);
            }
        });
        Ok(Live { state, server, url })
    }

    /// Shows a record.
    pub fn take(&self, record: &Record) {
        let mut state = lock(&self.state.0);
        let line = state.results.cells.len() + 1;
        state.results.take(line, record);
    }

    /// The sweep is done: an open page gets the last of it.
    pub fn finish(&self) {
        let (state, fetched) = &*self.state;
        let mut state = lock(state);
        state.done = true;
        let until = Instant::now() + LAST_LOOK;
        let watched = |state: &State| state.asked.is_some_and(|asked| asked.elapsed() < LAST_LOOK);
        while watched(&state) && state.fetched < state.version() && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            state = fetched.wait_timeout(state, left).map_or_else(|e| e.into_inner().0, |(state, _)| state);
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// 128 random bits.
fn token() -> rustix::io::Result<String> {
    let mut bytes = [0u8; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn answer(request: Request, token: &str, host: &str, shared: &(Mutex<State>, Condvar)) {
    let (status, kind, body) = reply(&request, token, host, shared);
    let mut response = Response::from_string(body).with_status_code(status);
    for (name, value) in [
        ("Content-Type", kind),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ] {
        response.add_header(Header::from_bytes(name, value).expect("plain words"));
    }
    // A reader that went away is no concern of the sweep.
    let _ = request.respond(response);
}

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

fn reply(
    request: &Request,
    token: &str,
    host: &str,
    (state, fetched): &(Mutex<State>, Condvar),
) -> (u16, &'static str, String) {
    let refused = |status: u16, why: &str| (status, TEXT, format!("{why}\n"));
    let named: Vec<&str> =
        request.headers().iter().filter(|h| h.field.equiv("Host")).map(|header| header.value.as_str()).collect();
    if named != [host] {
        return refused(403, "another host");
    }
    if !matches!(request.method(), Method::Get | Method::Head) {
        return refused(405, "this page can only be read");
    }
    let Some(path) = request.url().strip_prefix('/').and_then(|path| path.strip_prefix(token)) else {
        return refused(404, "nothing here");
    };
    let mut state = lock(state);
    match path {
        "/" => (200, HTML, live_page(&state.document(), &state.text())),
        "/part" => {
            state.fetched = state.version();
            fetched.notify_all();
            (200, HTML, live_part(&state.document(), &state.text()))
        }
        "/state" => {
            state.asked = Some(Instant::now());
            let told = serde_json::json!({
                "version": state.version().to_string(), "text": state.text(), "done": state.done,
            });
            (200, "application/json", told.to_string())
        }
        _ => refused(404, "nothing here"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    /// The status, headers and body that a request gets.
    fn ask(live: &Live, method: &str, path: &str, host: Option<&str>) -> String {
        let address = live.url().trim_start_matches("http://").split('/').next().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let host = host.map_or_else(|| address.to_owned(), str::to_owned);
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn record() -> Record {
        let golden = include_str!("../../../../h5lab-core/tests/golden/record-v1.jsonl");
        serde_json::from_str(golden.lines().next().unwrap()).unwrap()
    }

    #[test]
    fn only_its_own_paths_hosts_and_methods_are_answered() {
        let live = Live::start(3).unwrap();
        let address = live.url().trim_start_matches("http://");
        let (_, token) = address.trim_end_matches('/').split_once('/').unwrap();
        assert!(address.starts_with("127.0.0.1:") && token.len() == 32, "{address}");
        let at = |path: &str| format!("/{token}{path}");
        let status = |answer: String| answer.lines().next().unwrap().to_owned();
        let check = |method: &str, path: &str, host: Option<&str>, want: &str| {
            let got = status(ask(&live, method, path, host));
            assert!(got.contains(want), "{method} {path} {host:?}: {got}");
        };
        check("GET", &at("/"), None, "200");
        check("GET", &at("/state"), None, "200");
        check("GET", &at("/part"), None, "200");
        check("GET", "/", None, "404");
        check("GET", "/0123456789abcdef0123456789abcdef/", None, "404");
        check("GET", &at("/../../etc/passwd"), None, "404");
        check("GET", &at("/%2e%2e/etc/passwd"), None, "404");
        check("GET", &at(""), None, "404");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            check(method, &at("/"), None, "405");
        }
        check("GET", &at("/"), Some("evil.example"), "403");
        check("GET", &at("/"), Some("localhost:80"), "403");
        check("POST", &at("/"), Some("evil.example:1"), "403");
    }

    #[test]
    fn it_fills_in_as_cells_finish() {
        let live = Live::start(2).unwrap();
        let path = format!("/{}", live.url().trim_start_matches("http://").split_once('/').unwrap().1);
        assert!(ask(&live, "GET", &format!("{path}state"), None).contains("0 of 2 cells"));
        live.take(&record());
        let state = ask(&live, "GET", &format!("{path}state"), None);
        assert!(state.contains("\"version\":\"1\"") && state.contains("Measuring: 1 of 2 cells"), "{state}");
        let page = ask(&live, "GET", &path, None);
        assert!(page.contains("independent") && page.contains("connect-src 'self'"), "the record is in it");
        assert!(ask(&live, "GET", &format!("{path}part"), None).contains("id=\"results\""));
        live.finish();
        assert!(ask(&live, "GET", &format!("{path}state"), None).contains("\"done\":true"));
    }
}
