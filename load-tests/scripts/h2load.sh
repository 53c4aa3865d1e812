#!/bin/sh
# usage: h2load.sh URL [BODY_FILE]
# As fast as responses come, to cross-check wrk. It speaks HTTP/1.1 here, one request at a time on each connection.
# CONNECTIONS [32], DURATION in seconds [10], WARM_UP in seconds [1], THREADS [1], CONTENT_TYPE [application/json]
# A body: load payload webhook --bytes 1024 > body.json
set -eu
url=${1:?usage: h2load.sh URL [BODY_FILE]} body=${2-} duration=${DURATION:-10}
case $url in http://* | https://*) ;; *) echo "h2load.sh: expected an HTTP URL, got $url" >&2; exit 2 ;; esac
[ -z "$body" ] || [ -r "$body" ] || { echo "h2load.sh: cannot read $body" >&2; exit 1; }
command -v h2load >/dev/null || {
    echo "h2load.sh: h2load is not installed: apt-get install nghttp2-client" >&2
    exit 1
}
# The other scripts take a unit; it is taken here as well.
set -- --h1 --clients "${CONNECTIONS:-32}" --threads "${THREADS:-1}" --duration "${duration%s}" \
    --warm-up-time "${WARM_UP:-1}"
[ -z "$body" ] || set -- "$@" --data "$body" --header "content-type: ${CONTENT_TYPE:-application/json}"
exec h2load "$@" "$url"
