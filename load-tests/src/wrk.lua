-- The request is fixed before the run, so that wrk builds it once: wrk -s wrk.lua URL -- METHOD [BODY_FILE]
-- `request`, `response` and `delay` stay undefined: each would cost the generator a call per request.
function init(args)
   wrk.method = args[1]
   if args[2] then
      local file = assert(io.open(args[2], "rb"))
      wrk.body = file:read("*a")
      wrk.headers["content-type"] = "application/json"
      file:close()
   end
end

-- Exact numbers for a program to read; wrk's own output rounds them.
function done(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      "figures requests=%d duration_us=%d connect=%d read=%d write=%d timeout=%d status=%d p50_us=%d p99_us=%d\n",
      summary.requests, summary.duration, errors.connect, errors.read, errors.write, errors.timeout,
      errors.status, latency:percentile(50), latency:percentile(99)))
end
