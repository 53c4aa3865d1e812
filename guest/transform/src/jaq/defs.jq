# One document per run: there is nothing more to read.
def input: empty;
def inputs: empty;

# The sandbox has one time zone.
def localtime: gmtime;
def strflocaltime($format): strftime($format);
def strptime($format):
  if ($format | _names_zone) then error("time zones by name are not available")
  else _strptime($format) end;

# jq has these, jaq does not.
def ascii: [.] | implode;
def leaf_paths: paths(scalars);
def toarray: if isarray then . else [.] end;
def trimstr($fix): ltrimstr($fix) | rtrimstr($fix);
# Numbers keep their text until a program computes with them, integers even then.
def have_literal_numbers: true;
def have_decnum: true;
def date: todate;
def dateadd(u; n): . + n;
def datesub(u; n): . - n;
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; f): reduce stream as $row ({}; . + ($row | {(f | tostring): $row}));
def INDEX(f): INDEX(.[]; f);
def JOIN($index; f): [.[] | [., $index[f]]];
def JOIN($index; stream; f): stream | [., $index[f]];
def JOIN($index; stream; f; join): stream | [., $index[f]] | join;

# Streams of path and leaf. `_put` builds the containers on the way, which an assignment in jaq
# does not.
def tostream:
  path(def leaves_first: (.[]? | leaves_first), .; leaves_first) as $p
  | getpath($p)
  | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);
def _put($path; $x):
  if $path == [] then $x
  else
    (if . == null then if ($path[0] | isstring) then {} else [] end end)
    | (if $path[0] | isstring then has($path[0]) else length > $path[0] end) as $there
    | (if $there then .[$path[0]] else null end | _put($path[1:]; $x)) as $child
    | if isarray and ($there | not) then . + [$child] else .[$path[0]] = $child end
  end;
def fromstream(f):
  foreach f as $event ({x: null, e: false};
    if .e then {x: null, e: false} end
    | if ($event | length) == 2
      then {x: (.x | _put($event[0]; $event[1])), e: ($event[0] == [])}
      else {x, e: (($event[0] | length) == 1)} end;
    if .e then .x else empty end);
def truncate_stream(stream):
  . as $depth | stream | if (.[0] | length) > $depth then [.[0][$depth:]] + .[1:] else empty end;
