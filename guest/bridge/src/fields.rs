//! What HTTP allows in a header field.

/// Whether it is a token (RFC 9110, 5.6.2).
pub(crate) fn is_field_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}
