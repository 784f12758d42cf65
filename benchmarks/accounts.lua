-- What bench_accounts.py sends: the kind is the first argument after the address.
local kind = "put"
local number = 0

function init(args)
  kind = args[1] or kind
end

function request()
  if kind == "root" then
    return wrk.format("GET", "/")
  end
  number = number % 1000 + 1
  if kind == "get" then
    return wrk.format("GET", "/" .. number)
  end
  return wrk.format("PUT", "/" .. number .. "?data=test%20data%20" .. number)
end
