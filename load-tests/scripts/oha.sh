#!/bin/sh
# A fixed rate, whatever the server does (an open loop): what its users feel. With
# --latency-correction the latency of a request counts from the moment at which it was due, so a
# server that stalls is charged for all requests that were due meanwhile.
set -eu

usage() {
    cat >&2 <<'END'
usage: oha.sh URL RATE [BODY_FILE]

RATE is in requests per second. GET without a body, POST with one.
A body: load payload webhook --bytes 1024 > body.json

CONNECTIONS   that requests are spread over [32]
DURATION      how long, with a unit [10s]
OUTPUT        text, json or csv [text]
CONTENT_TYPE  of the body [application/json]
OHA           the program [oha]
END
    exit 2
}

case $# in 2 | 3) ;; *) usage ;; esac
case $1 in http://* | https://*) ;; *) usage ;; esac
case $2 in '' | *[!0-9]* | 0) usage ;; esac
url=$1
rate=$2
body=${3-}
oha=${OHA:-oha}

if ! command -v "$oha" >/dev/null; then
    echo "oha.sh: oha is not installed: cargo install oha, or name it with OHA=FILE" >&2
    exit 1
fi
if [ -n "$body" ] && [ ! -r "$body" ]; then
    echo "oha.sh: cannot read $body" >&2
    exit 1
fi

# From here on the arguments are oha's. Answers under way at the end are waited for (-w): those that
# take longest must not be left out.
set -- --no-tui --latency-correction -w --disable-compression \
    -q "$rate" -c "${CONNECTIONS:-32}" -z "${DURATION:-10s}" --output-format "${OUTPUT:-text}"
if [ -n "$body" ]; then
    set -- "$@" -m POST -T "${CONTENT_TYPE:-application/json}" -D "$body"
fi
exec "$oha" "$@" "$url"
