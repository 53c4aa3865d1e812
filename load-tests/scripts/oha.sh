#!/bin/sh
# usage: oha.sh URL RATE [BODY_FILE]
# A fixed rate, whatever the server does (an open loop): what its users feel. The latency of a request counts from
# the moment at which it was due, and responses under way at the end are waited for (-w).
# CONNECTIONS [32], DURATION [10s], OUTPUT text, json or csv [text], CONTENT_TYPE [application/json], OHA [oha]
# A body: load payload webhook --bytes 1024 > body.json
set -eu
[ $# -ge 2 ] || { echo "usage: oha.sh URL RATE [BODY_FILE]" >&2; exit 2; }
url=$1 rate=$2 body=${3-} oha=${OHA:-oha}
case $url in http://* | https://*) ;; *) echo "oha.sh: expected an HTTP URL, got $url" >&2; exit 2 ;; esac
[ -z "$body" ] || [ -r "$body" ] || { echo "oha.sh: cannot read $body" >&2; exit 1; }
case $rate in *[!0-9]* | 0* | "") echo "oha.sh: expected a rate in requests/s, got $rate" >&2; exit 2 ;; esac
command -v "$oha" >/dev/null || { echo "oha.sh: oha is not installed: cargo install oha, or OHA=FILE" >&2; exit 1; }
set -- --no-tui --latency-correction -w --disable-compression \
    -q "$rate" -c "${CONNECTIONS:-32}" -z "${DURATION:-10s}" --output-format "${OUTPUT:-text}"
[ -z "$body" ] || set -- "$@" -m POST -T "${CONTENT_TYPE:-application/json}" -D "$body"
exec "$oha" "$@" "$url"
