//! The blocks of a page, from `<!-- begin NAME -->` to `<!-- end NAME -->`. The text around them is written by hand.

/// The page with another content of a block; `None` if the page has no such block.
pub fn replaced(page: &str, name: &str, block: &str) -> Option<String> {
    let (begin, end) = (begin(name), end(name));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{block}{end}{after}"))
}

/// The names of the blocks, in their order.
pub fn names(page: &str) -> Vec<&str> {
    let rest = page.split("<!-- begin ").skip(1);
    rest.filter_map(|rest| rest.split_once(" -->")).map(|(name, _)| name).collect()
}

fn begin(name: &str) -> String {
    format!("<!-- begin {name} -->\n")
}

fn end(name: &str) -> String {
    format!("<!-- end {name} -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_nothing_else() {
        let text = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
        let new = "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n";
        assert_eq!(replaced(text, "x", "new\n").as_deref(), Some(new));
        assert_eq!(replaced(text, "y", ""), None);
        assert_eq!(names(text), ["x"]);
    }
}
