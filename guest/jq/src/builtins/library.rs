//! Builtins that are written in jq. A program compiles those that it uses.

/// A name, its number of parameters, and the definition.
pub(crate) type Entry = (&'static str, usize, &'static str);

/// The builtins written in jq.
pub(crate) const LIBRARY: &[Entry] = &[
    ("IN", 1, "def IN(s): any(s == .; .);"),
    ("IN", 2, "def IN(src; s): any(src == s; .);"),
    (
        "INDEX",
        2,
        "def INDEX(stream; idx_expr): reduce stream as $row ({}; .[$row|idx_expr|tostring] |= $row);",
    ),
    ("INDEX", 1, "def INDEX(idx_expr): INDEX(.[]; idx_expr);"),
    ("JOIN", 2, "def JOIN($idx; idx_expr): [.[] | [., $idx[idx_expr]]];"),
    ("JOIN", 3, "def JOIN($idx; stream; idx_expr): stream | [., $idx[idx_expr]];"),
    (
        "JOIN",
        4,
        "def JOIN($idx; stream; idx_expr; join_expr): stream | [., $idx[idx_expr]] | join_expr;",
    ),
    ("finites", 0, "def finites: select(isfinite);"),
    ("normals", 0, "def normals: select(isnormal);"),
    (
        "combinations",
        0,
        "def combinations: if length == 0 then [] else .[0][] as $x | (.[1:] | combinations) as $w | [$x] + $w end;",
    ),
    ("combinations", 1, "def combinations(n): . as $dot | [range(n) | $dot] | combinations;"),
    (
        "truncate_stream",
        1,
        "def truncate_stream(stream): . as $n | null | stream | . as $input
           | if (.[0]|length) > $n then setpath([0]; .[0][$n:]) else empty end;",
    ),
    ("gsub", 2, "def gsub($re; str): sub($re; str; \"g\");"),
    ("gsub", 3, "def gsub($re; str; $flags): sub($re; str; $flags + \"g\");"),
    ("sub", 2, "def sub($re; str): sub($re; str; \"\");"),
    (
        "sub",
        3,
        "def sub($re; str; $flags): . as $in
           | reduce match($re; $flags) as $m ({result: [], previous: 0};
               $in[.previous:$m.offset] as $gap
               | [$m | capture_object | str] as $new
               | reduce range($new | length) as $k (.; .result[$k] += $gap + $new[$k])
               | .previous = $m.offset + $m.length)
           | .result[] + $in[.previous:] // $in;",
    ),
    ("in", 1, "def in(xs): . as $x | xs | has($x);"),
    ("inside", 1, "def inside(xs): . as $x | xs | contains($x);"),
    ("map_values", 1, "def map_values(f): .[] |= f;"),
    (
        "nth",
        2,
        "def nth($n; f): if $n < 0 then error(\"nth doesn't support negative indices\") else first(skip($n; f)) end;",
    ),
    ("paths", 0, "def paths: path(..) | select(length > 0);"),
    ("paths", 1, "def paths(node_filter): path(.. | select(node_filter)) | select(length > 0);"),
    (
        "pick",
        1,
        "def pick(pathexps): . as $top | reduce path(pathexps) as $p (null; setpath($p; $top | getpath($p)));",
    ),
    ("recurse", 2, "def recurse(f; cond): def r: ., (f | select(cond) | r); r;"),
    ("repeat", 1, "def repeat(f): def _repeat: f, _repeat; _repeat;"),
    (
        "until",
        2,
        "def until(cond; update): def _until: if cond then . else (update | _until) end; _until;",
    ),
    (
        "while",
        2,
        "def while(cond; update): def _while: if cond then ., (update | _while) else empty end; _while;",
    ),
    ("with_entries", 1, "def with_entries(f): to_entries | map(f) | from_entries;"),
    ("todate", 0, "def todate: strftime(\"%Y-%m-%dT%H:%M:%SZ\");"),
    ("fromdateiso8601", 0, "def fromdateiso8601: strptime(\"%Y-%m-%dT%H:%M:%SZ\") | mktime;"),
    ("todateiso8601", 0, "def todateiso8601: strftime(\"%Y-%m-%dT%H:%M:%SZ\");"),
    ("fromdate", 0, "def fromdate: fromdateiso8601;"),
    ("first", 0, "def first: .[0];"),
    ("last", 0, "def last: .[-1];"),
    ("nth", 1, "def nth($n): .[$n];"),
    ("capture", 1, "def capture(re): match(re) | capture_object;"),
    ("capture", 2, "def capture(re; flags): match(re; flags) | capture_object;"),
    ("scan", 1, "def scan($re): scan($re; null);"),
    (
        "scan",
        2,
        "def scan($re; $flags): match($re; \"g\" + $flags)
           | if (.captures | length) > 0 then [.captures[].string] else .string end;",
    ),
    ("splits", 1, "def splits($re): splits($re; null);"),
    ("splits", 2, "def splits($re; flags): split($re; flags) | .[];"),
    ("halt_error", 0, "def halt_error: halt_error(5);"),
    ("debug", 1, "def debug(msg): (msg | empty), .;"),
];
