//! The headers that a plan asks for, besides those that a request needs.

use std::rc::Rc;

use crate::{Headers, LoadPlan};

/// What Chromium sends with each request of a page, and the cookie of a login.
const BROWSER: &str = "\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r
Accept-Encoding: gzip, deflate, br, zstd\r
Accept-Language: en-GB,en;q=0.9\r
Cookie: login=0123456789abcdef0123456789abcdef\r
";
/// What it adds to a `fetch`.
const FETCH: &str = "\
Connection: keep-alive\r
sec-ch-ua-platform: \"Linux\"\r
sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r
sec-ch-ua-mobile: ?0\r
Sec-Fetch-Site: same-origin\r
Sec-Fetch-Mode: cors\r
Sec-Fetch-Dest: empty\r
";
/// What it adds to the opening handshake of a WebSocket.
const WEBSOCKET: &str = "Pragma: no-cache\r\nCache-Control: no-cache\r\n";

/// Of a request over HTTP, whole lines. With the headers that a poll needs and the head of the answer, a poll of a browser is
/// about 871 bytes of heads, as many as Kaazing counted for one without a message.
pub(super) fn fetch(plan: &LoadPlan) -> Rc<str> {
    let host = plan.target.authority();
    match plan.headers {
        Headers::Lean => "".into(),
        Headers::Browser => format!("{BROWSER}{FETCH}Referer: http://{host}/\r\n").into(),
    }
}

/// Of an opening handshake, whole lines.
pub(super) fn websocket(plan: &LoadPlan) -> String {
    match plan.headers {
        Headers::Lean => String::new(),
        Headers::Browser => format!("{BROWSER}{WEBSOCKET}Origin: http://{}\r\n", plan.target.authority()),
    }
}
