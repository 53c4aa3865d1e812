//! The operator's settings, parsed and checked once.

use crate::engine::{ProgramLimits, RunLimits};
use arenaria_guest::Settings;

/// The error of a configuration with neither a program nor ad-hoc programs.
pub const NOTHING_TO_DO: &str =
    "give the setting `program`, or `ad-hoc = \"true\"` so that requests bring their own";

/// jq's own bound. Reading, comparing and writing need no stack for it.
const DEPTH_MAX_MAX: usize = 10_000;

const PROGRAM: &str = "program";
const AD_HOC: &str = "ad-hoc";
const OUTPUT: &str = "output";
const DEPTH_MAX: &str = "depth-max";
const PROGRAMS_CACHED_MAX: &str = "programs-cached-max";
const PROGRAM_BYTES_MAX: &str = "program-bytes-max";
const OUTPUTS_MAX: &str = "outputs-max";
const ALL: [&str; 7] =
    [PROGRAM, AD_HOC, OUTPUT, DEPTH_MAX, PROGRAMS_CACHED_MAX, PROGRAM_BYTES_MAX, OUTPUTS_MAX];

/// The shape of several outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// One per line.
    Lines,
    /// One array.
    Array,
}

/// The settings of the component, except for the text of its program.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether a request may bring its own program.
    pub ad_hoc: bool,
    /// The shape of several outputs.
    pub outputs: Outputs,
    /// Bounds on one run.
    pub run: RunLimits,
    /// Bounds on programs.
    pub program: ProgramLimits,
    /// How many ad-hoc programs are kept compiled.
    pub programs_cached_max: usize,
}

impl Options {
    /// The options without any setting.
    pub const DEFAULT: Self = Self {
        ad_hoc: false,
        outputs: Outputs::Lines,
        run: RunLimits { depth_max: DEPTH_MAX_MAX, outputs_max: 10_000 },
        program: ProgramLimits { program_bytes_max: 65_536 },
        programs_cached_max: 64,
    };

    /// Reads all settings. Also returns the text of the program, if it is set.
    ///
    /// # Errors
    ///
    /// A sentence that names the setting.
    pub fn read(settings: Settings<'_>) -> Result<(Self, Option<&str>), String> {
        settings.expect_only(&ALL)?;
        let default = Self::DEFAULT;
        let number = |name, default, most| number(settings, name, default, most);
        let options = Self {
            ad_hoc: one_of(settings, AD_HOC, &[("false", false), ("true", true)])?,
            outputs: one_of(
                settings,
                OUTPUT,
                &[("lines", Outputs::Lines), ("array", Outputs::Array)],
            )?,
            run: RunLimits {
                depth_max: number(DEPTH_MAX, default.run.depth_max, DEPTH_MAX_MAX)?,
                outputs_max: number(OUTPUTS_MAX, default.run.outputs_max, 1_000_000)?,
            },
            program: ProgramLimits {
                program_bytes_max: number(
                    PROGRAM_BYTES_MAX,
                    default.program.program_bytes_max,
                    1 << 20,
                )?,
            },
            programs_cached_max: number(PROGRAMS_CACHED_MAX, default.programs_cached_max, 10_000)?,
        };
        let program = settings.get(PROGRAM);
        if program.is_none() && !options.ad_hoc {
            return Err(NOTHING_TO_DO.to_owned());
        }
        Ok((options, program))
    }
}

/// The value of a setting that is one of a few words. The first is the default.
fn one_of<T: Copy>(settings: Settings<'_>, name: &str, words: &[(&str, T)]) -> Result<T, String> {
    let value = settings.get(name).unwrap_or(words[0].0);
    match words.iter().find(|(word, _)| *word == value) {
        Some((_, meaning)) => Ok(*meaning),
        None => {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            Err(format!("setting `{name}`: expected {}, got `{value}`", words.join(" or ")))
        }
    }
}

fn number(
    settings: Settings<'_>,
    name: &str,
    default: usize,
    most: usize,
) -> Result<usize, String> {
    let Some(value) = settings.get(name) else { return Ok(default) };
    value.parse().ok().filter(|number| *number <= most).ok_or_else(|| {
        format!("setting `{name}`: expected a whole number from 0 to {most}, got `{value}`")
    })
}
