-- One thread of buyers: POST /v1/orders with a new order id each, the edition and the buyer in turn.
-- Arguments: prefix of 12 characters, file of session tokens, file of edition ids, every how many requests a repeat (0: none),
-- pause before each request in ms.
local function lines(path)
  local found = {}
  for line in io.lines(path) do found[#found + 1] = line end
  return found
end

local number, prefix, tokens, editions, repeats, pause_ms, host, last = 0, "", {}, {}, 0, 0, "", nil

function init(args)
  prefix, tokens, editions, repeats = args[1], lines(args[2]), lines(args[3]), tonumber(args[4])
  pause_ms = tonumber(args[5])
  -- wrk waits wherever there is a delay(), even for 0 ms.
  if pause_ms > 0 then
    delay = function() return math.floor(pause_ms * 2 * math.random() + 0.5) end
  end
  host = wrk.headers["Host"] or (wrk.host .. ":" .. wrk.port)
end

function request()
  number = number + 1
  if last and repeats > 0 and number % repeats == 0 then return last end
  local edition = editions[number % #editions + 1]
  local body = string.format(
    '{"order_id":"%s-%s%08d","edition_id":"%s","quantity":1,"price_minor":3500}', edition, prefix, number, edition)
  last = string.format(
    "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"
      .. "User-Agent: Mozilla/5.0 (bench)\r\nContent-Length: %d\r\n\r\n%s",
    wrk.path, host, tokens[number % #tokens + 1], #body, body)
  return last
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"duration_us":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,"p50_us":%.1f,"p99_us":%.1f}',
    summary.requests, summary.duration, errors.connect, errors.read, errors.write, errors.timeout, errors.status,
    latency:percentile(50), latency:percentile(99)))
end
