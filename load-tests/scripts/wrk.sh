#!/bin/sh
# usage: wrk.sh URL [BODY_FILE]
# As fast as responses come (a closed loop): what a server can do. Its latencies are those of a full queue.
# Start arenaria with --queue-length CONNECTIONS --queue-time 10s, or it sheds (503) what its queue does not hold.
# CONNECTIONS [32], DURATION [10s], THREADS [1], CONTENT_TYPE [application/json]
# A body: load payload webhook --bytes 1024 > body.json
set -eu
url=${1:?usage: wrk.sh URL [BODY_FILE]} body=${2-}
case $url in http://* | https://*) ;; *) echo "wrk.sh: expected an HTTP URL, got $url" >&2; exit 2 ;; esac
[ -z "$body" ] || [ -r "$body" ] || { echo "wrk.sh: cannot read $body" >&2; exit 1; }
command -v wrk >/dev/null || { echo "wrk.sh: wrk is not installed: apt-get install wrk" >&2; exit 1; }
# wrk takes a body from a Lua script only.
script=$(mktemp)
trap 'rm -f "$script"' EXIT
trap 'exit 130' INT TERM
cat >"$script" <<'END'
local body = os.getenv("WRK_BODY")
if body ~= "" then
    wrk.method, wrk.body = "POST", assert(io.open(body, "rb")):read("*a")
    wrk.headers["content-type"] = os.getenv("WRK_CONTENT_TYPE")
end
END
WRK_BODY=$body WRK_CONTENT_TYPE=${CONTENT_TYPE:-application/json} wrk --latency --script "$script" \
    --threads "${THREADS:-1}" --connections "${CONNECTIONS:-32}" --duration "${DURATION:-10s}" "$url"
