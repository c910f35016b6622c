//! The page itself: markup without a word of the machine's, a style and a script. The script fills it from the stream,
//! as text and never as markup.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use infercost_export::listener::Reply;
use sha2::{Digest as _, Sha256};

const MARKUP: &str = include_str!("../../assets/monitor.html");
const STYLE: &str = include_str!("../../assets/monitor.css");
const SCRIPT: &str = include_str!("../../assets/monitor.js");

/// The page, and the policy that allows its own style and script by their hash, and nothing else.
struct Made {
    html: String,
    policy: String,
}

static MADE: LazyLock<Made> = LazyLock::new(|| Made {
    html: MARKUP.replace("/*STYLE*/", STYLE).replace("/*SCRIPT*/", SCRIPT),
    policy: format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT)
    ),
});

pub(super) fn page() -> Reply {
    Reply {
        headers: vec![
            ("content-security-policy", MADE.policy.clone()),
            ("referrer-policy", "no-referrer".to_owned()),
            ("x-frame-options", "DENY".to_owned()),
        ],
        ..Reply::new("200 OK", "text/html; charset=utf-8", MADE.html.as_bytes())
    }
}

/// What a content security policy calls an inline text by.
fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64.encode(Sha256::digest(text.as_bytes())))
}
