//! How much is looked at in one place or in another.

use alloc::boxed::Box;

use super::{Found, Search, TooMuch};
use crate::plan::demand::{Demand, Part};
use crate::value::Value;

/// An object with more keys that are looked at is read as a whole.
const FIELDS_MAX: usize = 32;

impl Search<'_> {
    /// So much as either of them.
    pub(super) fn join(&mut self, a: Demand, b: Demand) -> Found {
        self.step()?;
        Ok(match (a, b) {
            (Demand::Nothing, other) | (other, Demand::Nothing) => other,
            (
                Demand::Parts { array, object },
                Demand::Parts { array: other_array, object: other_object },
            ) => {
                let array = self.join_parts(array, other_array)?;
                Demand::Parts { array, object: self.join_parts(object, other_object)? }
            }
        })
    }

    fn join_parts(&mut self, a: Part, b: Part) -> Result<Part, TooMuch> {
        Ok(match (a, b) {
            (Part::Kind, other) | (other, Part::Kind) => other,
            (Part::Whole, _) | (_, Part::Whole) => Part::Whole,
            (Part::Each(a), Part::Each(b)) => self.join(*a, *b)?.each(),
            (Part::Each(each), Part::Fields(fields)) | (Part::Fields(fields), Part::Each(each)) => {
                let mut all = *each;
                for (_, demand) in fields.entries {
                    all = self.join(all, demand)?;
                }
                all.each()
            }
            (Part::Fields(all), Part::Fields(others)) => {
                let mut all = all.entries;
                for (key, demand) in others.entries {
                    match all.iter().position(|(other, _)| self.is_same_key(&key, other)) {
                        None => all.push((key, demand)),
                        Some(at) => {
                            let known = core::mem::replace(&mut all[at].1, Demand::Nothing);
                            all[at].1 = self.join(known, demand)?;
                        }
                    }
                }
                if all.len() > FIELDS_MAX { Part::Whole } else { Part::fields(all) }
            }
        })
    }

    pub(super) fn is_same_key(&self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Short { len: n, bytes: a }, Value::Short { len: m, bytes: b }) => {
                n == m && a == b
            }
            (Value::Text { start: a, len: n, .. }, Value::Text { start: b, len: m, .. }) => {
                let text = |start: u32, len: u32| {
                    self.constants.get(start as usize..(start + len) as usize)
                };
                text(*a, *n) == text(*b, *m)
            }
            _ => false,
        }
    }

    pub(super) fn copy(&mut self, demand: &Demand) -> Found {
        copy(demand, &mut self.steps)
    }
}

/// A copy, which takes a step for each part.
pub(super) fn copy(demand: &Demand, steps: &mut u32) -> Found {
    let Demand::Parts { array, object } = demand else { return Ok(Demand::Nothing) };
    *steps = steps.checked_sub(1).ok_or(TooMuch)?;
    Ok(Demand::Parts { array: copy_part(array, steps)?, object: copy_part(object, steps)? })
}

fn copy_part(part: &Part, steps: &mut u32) -> Result<Part, TooMuch> {
    Ok(match part {
        Part::Kind => Part::Kind,
        Part::Whole => Part::Whole,
        Part::Each(each) => Part::Each(Box::new(copy(each, steps)?)),
        Part::Fields(fields) => {
            let copies =
                fields.entries.iter().map(|(key, demand)| Ok((*key, copy(demand, steps)?)));
            Part::fields(copies.collect::<Result<_, TooMuch>>()?)
        }
    })
}
