//! The headers that all requests of a plan have.

use crate::{Headers, LoadPlan};

/// What Chromium sends with a page's `fetch` to the page's own server, and a session's cookie: besides `Host`, `Connection` and what the
/// request needs itself. With a poll's own headers and its answer's head it comes to about 871 bytes, which is what Kaazing counted
/// for a poll without any message.
const BROWSER: &str = "\
sec-ch-ua-platform: \"Linux\"\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r
sec-ch-ua: \"Chromium\";v=\"142\", \"Not_A Brand\";v=\"99\"\r
sec-ch-ua-mobile: ?0\r
Sec-Fetch-Site: same-origin\r
Sec-Fetch-Mode: cors\r
Sec-Fetch-Dest: empty\r
Accept-Encoding: gzip, deflate, br, zstd\r
Accept-Language: en-GB,en;q=0.9\r
Cookie: session=0123456789abcdef0123456789abcdef\r
";

/// Whole lines.
pub(super) fn all(plan: &LoadPlan) -> String {
    match plan.headers {
        Headers::Lean => String::new(),
        Headers::Browser => {
            let host = plan.target.authority();
            format!("{BROWSER}Origin: http://{host}\r\nReferer: http://{host}/\r\n")
        }
    }
}
