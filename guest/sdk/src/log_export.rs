//! The export `log` of the contract: where the host reads the log. Written by hand, because the
//! function that `wit-bindgen` generates gives its list up to the caller, and frees it after the call.
#![allow(unsafe_code, reason = "an export of the canonical ABI returns a pointer")]

use std::cell::Cell;

/// A list as the canonical ABI returns it: where it begins, and how many bytes it has.
#[repr(C)]
struct List {
    address: Cell<*const u8>,
    length: Cell<usize>,
}

thread_local! {
    static BUFFER: List =
        const { List { address: Cell::new(std::ptr::null()), length: Cell::new(0) } };
}

#[allow(dead_code, missing_docs, clippy::allow_attributes_without_reason, reason = "generated")]
mod declared {
    //! Only declares the export: the module says in a section of its own what it exports.
    wit_bindgen::generate!({
        inline: "
            package arenaria:guest-log;
            world log-only {
                export arenaria:processor/log@0.1.0;
            }
        ",
        path: "wit",
        world: "arenaria:guest-log/log-only",
        skip: ["buffer"],
    });
}

/// Where the log of this instance is. It has no post-return, so the buffer stays.
// SAFETY: nothing else in a component exports this name: its generated export is skipped above.
#[unsafe(export_name = "arenaria:processor/log@0.1.0#buffer")]
pub extern "C" fn buffer() -> *const u8 {
    // The section is in the component if this function is.
    declared::__link_custom_section_describing_imports();
    let (address, length) = crate::log::expose();
    BUFFER.with(|list| {
        list.address.set(address);
        list.length.set(length);
        std::ptr::from_ref(list).cast()
    })
}
