#!/bin/sh
# As fast as answers come: every connection sends its next request when it has its answer (a closed
# loop). Says how much a server can do; its latencies are those of a full queue.
#
# arenaria sheds (503) what its queue does not hold: start it with --queue-length CONNECTIONS and
# --queue-time 10s to measure throughput rather than shedding. wrk counts those as "Non-2xx".
set -eu

usage() {
    cat >&2 <<'END'
usage: wrk.sh URL [BODY_FILE]

GET without a body, POST with one. A body: load payload webhook --bytes 1024 > body.json

CONNECTIONS   how many are kept busy [32]
DURATION      how long, with a unit [10s]
THREADS       of wrk; one is enough for one core of a server [1]
CONTENT_TYPE  of the body [application/json]
END
    exit 2
}

case $# in 1 | 2) ;; *) usage ;; esac
case $1 in http://* | https://*) ;; *) usage ;; esac
url=$1
body=${2-}

if ! command -v wrk >/dev/null; then
    echo "wrk.sh: wrk is not installed: apt-get install wrk" >&2
    exit 1
fi
if [ -n "$body" ] && [ ! -r "$body" ]; then
    echo "wrk.sh: cannot read $body" >&2
    exit 1
fi

# wrk takes a body from a Lua script only. It is built once, before the run.
script=$(mktemp)
trap 'rm -f "$script"' EXIT
trap 'exit 130' INT TERM
cat >"$script" <<'END'
local body, content_type = os.getenv("WRK_BODY"), os.getenv("WRK_CONTENT_TYPE")
if body ~= "" then
    local file = assert(io.open(body, "rb"))
    wrk.method, wrk.body = "POST", file:read("*a")
    wrk.headers["content-type"] = content_type
    file:close()
end
END

WRK_BODY=$body WRK_CONTENT_TYPE=${CONTENT_TYPE:-application/json} \
    wrk --threads "${THREADS:-1}" --connections "${CONNECTIONS:-32}" --duration "${DURATION:-10s}" \
    --latency --script "$script" "$url"
