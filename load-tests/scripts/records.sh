#!/bin/sh
# usage: records.sh URL [LINES]
# Streams records (NDJSON) to arenaria with --records and a program that gives one line for each, such as
# --set program='{number}'. It fails if a line is missing, or too many came.
# LINES      how many records are made and sent [100000]
# INPUT      a file to send instead, or -: load payload records --count 100000 | INPUT=- records.sh URL
# OUTPUT     where the responses are kept [nowhere]
# RATE       the most that is sent in a second: 500k, 10M [as fast as it goes]
# TIME       the longest that it may take, in seconds [60]
set -eu
url=${1:?usage: records.sh URL [LINES]} lines=${2:-100000}
case $url in http://* | https://*) ;; *) echo "records.sh: expected an HTTP URL, got $url" >&2; exit 2 ;; esac
case $lines in *[!0-9]* | 0*) echo "records.sh: expected a number of lines, got $lines" >&2; exit 2 ;; esac
input=${INPUT-}

if ! command -v curl >/dev/null; then
    echo "records.sh: curl is not installed: apt-get install curl" >&2
    exit 1
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

# Each record has its number, and they vary in size: 90 to about 600 bytes.
make() {
    awk -v lines="$lines" 'BEGIN {
        filler = sprintf("%500s", ""); gsub(/ /, "x", filler)
        for (number = 0; number < lines; number++)
            printf "{\"number\":%d,\"level\":\"info\",\"service\":\"records.sh\",\"status\":%d,\"message\":\"%s\"}\n",
                number, 200 + number % 5, substr(filler, 1, (number * 7919) % 500)
    }'
}

# What is sent is counted on its way, since standard input cannot be read twice.
send() {
    case $input in
        '') make ;;
        -) cat ;;
        *) cat "$input" ;;
    esac | tee "$folder/sent"
}

# -T - sends as it reads, in chunks, and without an end that is known before; --no-buffer hands on
# the answer as it comes. `Expect` would make the server's consent a matter of its own.
set -- --silent --show-error --fail --no-buffer --max-time "${TIME:-60}" --request POST --upload-file - \
    --header 'content-type: application/x-ndjson' --header 'accept: application/x-ndjson' --header 'expect:' \
    --write-out '%{time_total} %{size_upload} %{size_download} %{time_starttransfer}' \
    --output "$folder/answers"
if [ -n "${RATE-}" ]; then
    set -- "$@" --limit-rate "$RATE"
fi
figures=$(send | curl "$@" "$url")

sent=$(wc -l <"$folder/sent")
answered=$(wc -l <"$folder/answers")
if [ -n "${OUTPUT-}" ]; then
    cp "$folder/answers" "$OUTPUT"
fi
echo "$figures $sent $answered" | awk '{
    printf "%d records sent, %d answered in %.3f s: %.0f records/s\n", $5, $6, $1, $6 / $1
    printf "%.1f MB up, %.1f MB down; the answer began after %.1f ms\n", $2 / 1e6, $3 / 1e6, $4 * 1e3
}'
if [ "$sent" -ne "$answered" ]; then
    echo "records.sh: $sent records were sent, but $answered answered" >&2
    exit 1
fi
