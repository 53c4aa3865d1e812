//! The token of the operator's listener. A reload may change it.

use std::sync::{PoisonError, RwLock};

use hyper::header::{AUTHORIZATION, HeaderMap};
use subtle::ConstantTimeEq as _;

use crate::config::settings::Secret;

/// What requests must bring, if anything.
pub(crate) struct Token(RwLock<Option<Secret>>);

impl Token {
    pub(crate) fn new(token: Option<Secret>) -> Self {
        Self(RwLock::new(token))
    }

    /// Requires another one from now on. True if it differs.
    pub(crate) fn replace(&self, token: Option<Secret>) -> bool {
        // No code here panics while it holds the lock.
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let [before, after] = [&*held, &token].map(|token| token.as_ref().map(Secret::value));
        let differs = before != after;
        *held = token;
        differs
    }

    /// Whether a request with these fields brings it.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let Some(token) = &*held else { return true };
        let mut fields = headers.get_all(AUTHORIZATION).into_iter();
        let (Some(field), None) = (fields.next(), fields.next()) else { return false };
        // The time depends on the lengths only.
        let brought = field.as_bytes().split_at_checked(SCHEME.len());
        brought.is_some_and(|(scheme, brought)| {
            scheme.eq_ignore_ascii_case(SCHEME) && brought.ct_eq(token.value().as_bytes()).into()
        })
    }
}

/// What stands before the token.
const SCHEME: &[u8] = b"Bearer ";
