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

-- Exact numbers, in the form that oha has; wrk's own output rounds them.
function done(summary, latency, requests)
   local errors, seconds = summary.errors, summary.duration / 1e6
   local at = function(percent) return latency:percentile(percent) / 1e6 end
   io.write(string.format(
      '{"summary":{"total":%f,"requestsPerSec":%f,"slowest":%f},' ..
      '"latencyPercentiles":{"p50":%f,"p90":%f,"p99":%f,"p99.9":%f},"errorDistribution":' ..
      '{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}\n',
      seconds, summary.requests / seconds, latency.max / 1e6, at(50), at(90), at(99), at(99.9),
      errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
