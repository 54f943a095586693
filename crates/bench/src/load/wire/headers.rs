//! The headers that a plan asks for, besides those that a request needs.

use std::rc::Rc;

use crate::{Headers, LoadPlan};

/// What Chromium sends with each request of a page that is not to be cached, and the cookies of a login and of a counter.
const BROWSER: &str = "\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r
Accept-Encoding: gzip, deflate, br, zstd\r
Accept-Language: en-GB,en-US;q=0.9,en;q=0.8\r
Cache-Control: no-cache\r
Pragma: no-cache\r
Cookie: login=0123456789abcdef0123456789abcdef; _ga=GA1.1.1234567890.1234567890\r
";
/// What it adds to a `fetch` from the page's own server.
const FETCH: &str = "\
Connection: keep-alive\r
sec-ch-ua-platform: \"Linux\"\r
sec-ch-ua: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"\r
sec-ch-ua-mobile: ?0\r
Sec-Fetch-Site: same-origin\r
Sec-Fetch-Mode: cors\r
Sec-Fetch-Dest: empty\r
";

/// Of a request over HTTP, whole lines: some 600 bytes. With the headers that a poll needs and the head of the answer, a poll without
/// a message has about as many as the 871 bytes that Kaazing counted for one.
pub(super) fn fetch(plan: &LoadPlan) -> Rc<str> {
    match plan.headers {
        Headers::Lean => "".into(),
        Headers::Browser => format!("{BROWSER}{FETCH}Referer: http://{}/\r\n", plan.target.authority()).into(),
    }
}

/// Of an opening handshake, whole lines.
pub(super) fn websocket(plan: &LoadPlan) -> String {
    match plan.headers {
        Headers::Lean => String::new(),
        Headers::Browser => format!("{BROWSER}Origin: http://{}\r\n", plan.target.authority()),
    }
}
