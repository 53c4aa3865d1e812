//! What an author wants to know of a component that was built.

use wasmparser::{Parser, Payload};

use crate::component::info::ComponentInfo;
use crate::component::refusal::Refusal;
use crate::component::world::World;

/// What is known of a component.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Its size.
    pub(crate) bytes: usize,
    /// The bytes of debugging information in it.
    pub(crate) debug_bytes: usize,
    /// Whether it has the names of its functions.
    pub(crate) has_names: bool,
    /// What it declares.
    pub(crate) info: ComponentInfo,
    /// The world that it is served as.
    pub(crate) world: World,
}

impl Facts {
    /// Reads a component.
    ///
    /// # Errors
    ///
    /// If it is malformed.
    pub(crate) fn read(
        component: &[u8],
        info: ComponentInfo,
        world: World,
    ) -> Result<Self, Refusal> {
        let mut facts =
            Self { bytes: component.len(), debug_bytes: 0, has_names: false, info, world };
        for payload in Parser::new(0).parse_all(component) {
            if let Payload::CustomSection(section) = payload? {
                facts.has_names |= section.name() == "name";
                if section.name().starts_with(".debug_") {
                    facts.debug_bytes += section.data().len();
                }
            }
        }
        Ok(facts)
    }
}
