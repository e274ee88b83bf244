-- Sends one fixed request and prints what was measured as a line of JSON.
local file = assert(io.open(os.getenv("WEIR_BENCH_REQUEST_BODY")))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("WEIR_BENCH_KEY")

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests":%d,"micros":%d,"errors":%d,"p50Micros":%d,"p99Micros":%d}\n',
      summary.requests, summary.duration,
      errors.connect + errors.read + errors.write + errors.status + errors.timeout,
      latency:percentile(50), latency:percentile(99)))
end
