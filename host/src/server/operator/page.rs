//! The live page: what an operator opens when paged. It holds no data, so it needs no token; it asks for one if its
//! stream needs one.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use crate::http::response::protect;

/// What the page may do: run its own script, and read from its own server.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The paths of its files, with their types.
const FILES: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("page/page.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("page/page.js")),
];

/// The response with the file at this path, if there is one.
pub(super) fn file(path: &str) -> Option<Response<Full<Bytes>>> {
    let (_, media_type, text) = FILES.iter().find(|(known, ..)| *known == path)?;
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    protect(response.headers_mut(), POLICY);
    Some(response)
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use crate::pool::stats::Reason;

    #[test]
    fn the_page_knows_every_reason() {
        let script = include_str!("page/page.js");
        for reason in Reason::iter() {
            let name: &str = reason.into();
            let keys = [format!("\n  {name}: \""), format!("\n  \"{name}\": \"")];
            assert!(keys.iter().any(|key| script.contains(key)), "{name}");
        }
    }
}
