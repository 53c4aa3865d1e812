//! Pooled buffers: what grows in every request keeps its capacity for the next one.
//!
//! This processor turns rows into columns: `a,b` and `c,d` become `a,c` and `b,d`. Each column is a buffer, and the
//! buffers grow in turns, so a growing buffer moves, and leaves a hole behind that only the end of the request fills.
//! The processor keeps the buffers with their capacity: after a few requests no buffer grows. `/fresh` does the same
//! with new buffers. What pays is memory: with four columns of 110 kB, `arenaria call --usage` shows a request's high
//! water of 0.9 MB, and of 2 MB for `/fresh`.
//!
//! A buffer that grows during a request must grow in [`persistent`]: else its new block belongs to the request, and
//! stays behind as a *survivor*, which `arenaria call --usage` shows too.
//!
//! Build: `cargo build --release --target wasm32-unknown-unknown --example pooled`

use arenaria_guest::{Processor, Request, Response, Settings, persistent};

#[derive(Default)]
struct Columns {
    pool: Vec<Vec<u8>>,
}

impl Processor for Columns {
    fn configure(settings: Settings<'_>) -> Result<Self, String> {
        settings.expect_only(&[])?;
        Ok(Self::default())
    }

    fn handle(&mut self, request: Request<'_>) -> Response {
        let rows = request.body();
        let columns = match request.path() {
            "/fresh" => {
                let mut fresh = Vec::new();
                fill(&mut fresh, rows);
                return Response::text(fresh.concat());
            }
            _ => {
                self.pool.iter_mut().for_each(Vec::clear);
                // What does not fit is allocated for good; what fits is not allocated at all.
                persistent(|| fill(&mut self.pool, rows));
                &self.pool
            }
        };
        // The response's body is handed over, so it is not from the pool.
        Response::text(columns.concat())
    }
}

fn fill(columns: &mut Vec<Vec<u8>>, rows: &[u8]) {
    for row in rows.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()) {
        for (index, cell) in row.split(|byte| *byte == b',').enumerate() {
            if index == columns.len() {
                columns.push(Vec::new());
            }
            let column = &mut columns[index];
            if !column.is_empty() {
                column.push(b',');
            }
            column.extend_from_slice(cell);
        }
    }
    for column in columns.iter_mut().filter(|column| !column.is_empty()) {
        column.push(b'\n');
    }
}

arenaria_guest::export!(Columns);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        let mut columns = Columns::default();
        for _ in 0..3 {
            for path in ["/", "/fresh"] {
                let request = Request::new("POST", path).with_body(b"a,b\nc,d\ne,f");
                assert_eq!(columns.handle(request).bytes(), b"a,c,e\nb,d,f\n");
            }
        }
        // A shorter request sees nothing of a longer one.
        assert_eq!(columns.handle(Request::new("POST", "/").with_body(b"x")).bytes(), b"x\n");
    }

    #[test]
    fn a_buffer_keeps_its_place_and_its_capacity() {
        let mut columns = Columns::default();
        let rows = "1,2,3\n".repeat(1000);
        let request = Request::new("POST", "/").with_body(rows.as_bytes());
        columns.handle(request);
        let places = |columns: &Columns| -> Vec<_> {
            columns.pool.iter().map(|column| (column.as_ptr(), column.capacity())).collect()
        };
        let before = places(&columns);
        columns.handle(request);
        assert_eq!(places(&columns), before);
    }
}
