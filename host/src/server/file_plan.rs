//! Divides the limit of open files among connections. A connection that cannot be opened because of other ones
//! would make health checks fail.

use crate::config::limits::ServerLimits;

/// How many connections each listener may have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FilePlan {
    pub(crate) connections: usize,
    pub(crate) operator_connections: usize,
}

/// Files that are opened for a moment: for metrics, and to accept a connection that is then passed on.
const RESERVE: usize = 16;
/// The operator's listener gets at most one of so many files, if there are too few for all connections.
const OPERATOR_SHARE: usize = 4;

impl FilePlan {
    /// `open` are the files that are open for as long as the server runs, `outgoing` the connections that
    /// components may open.
    ///
    /// # Errors
    ///
    /// If the limit leaves no file for a connection.
    pub(crate) fn new(
        limits: &ServerLimits,
        limit: usize,
        open: usize,
        outgoing: usize,
    ) -> Result<Self, String> {
        let used = open.saturating_add(outgoing).saturating_add(RESERVE);
        let left = limit.saturating_sub(used);
        if left < OPERATOR_SHARE {
            return Err(format!(
                "the limit of open files is {limit}, but the server needs {used} and one for each connection; \
                 raise it (ulimit -n)"
            ));
        }
        let operator_connections = limits.operator_connections.min(left / OPERATOR_SHARE);
        let connections = limits.connections.min(left - operator_connections);
        Ok(Self { connections, operator_connections })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::limits::LimitSettings;

    use super::*;

    #[track_caller]
    fn check(limit: usize, open: usize, outgoing: usize, expected: Option<[usize; 2]>) {
        let settings = LimitSettings {
            connections: Some(1000),
            operator_connections: Some(64),
            ..<_>::default()
        };
        let plan = FilePlan::new(&settings.server(), limit, open, outgoing);
        let plan = plan.ok().map(|plan| [plan.connections, plan.operator_connections]);
        assert_eq!(plan, expected);
    }

    #[test]
    fn connections_get_what_files_leave() {
        check(1_000_000, 20, 0, Some([1000, 64]));
        check(1100, 20, 0, Some([1000, 64]));
        check(1099, 20, 0, Some([999, 64]));
        check(64, 20, 0, Some([21, 7]));
        check(64, 20, 10, Some([14, 4]));
        check(40, 20, 0, Some([3, 1]));
        check(39, 20, 0, None);
        check(64, 20, usize::MAX, None);
    }
}
