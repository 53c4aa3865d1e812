#!/bin/sh
# As fast as answers come, by a generator of another make: to cross-check wrk. It speaks HTTP/1.1
# here (--h1), one request at a time on each connection.
set -eu

usage() {
    cat >&2 <<'END'
usage: h2load.sh URL [BODY_FILE]

GET without a body, POST with one. A body: load payload webhook --bytes 1024 > body.json

CONNECTIONS   how many are kept busy [32]
DURATION      how long, in seconds [10]
WARM_UP       before it, not counted, in seconds [1]
THREADS       of h2load [1]
CONTENT_TYPE  of the body [application/json]
END
    exit 2
}

case $# in 1 | 2) ;; *) usage ;; esac
case $1 in http://* | https://*) ;; *) usage ;; esac
url=$1
body=${2-}

if ! command -v h2load >/dev/null; then
    echo "h2load.sh: h2load is not installed: apt-get install nghttp2-client" >&2
    exit 1
fi
if [ -n "$body" ] && [ ! -r "$body" ]; then
    echo "h2load.sh: cannot read $body" >&2
    exit 1
fi

# The other scripts take a unit; it is taken here as well.
duration=${DURATION:-10}
set -- --h1 --clients "${CONNECTIONS:-32}" --threads "${THREADS:-1}" \
    --duration "${duration%s}" --warm-up-time "${WARM_UP:-1}"
if [ -n "$body" ]; then
    set -- "$@" --data "$body" --header "content-type: ${CONTENT_TYPE:-application/json}"
fi
exec h2load "$@" "$url"
