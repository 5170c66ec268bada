-- Raises the trim point, before the log is trimmed. It never falls, and never rises above the newest revision.
-- KEYS[1] trim point, KEYS[2] revision
-- ARGV[1] the first revision to keep
-- Returns the trim point: changes can be followed from there on.
local point = tonumber(redis.call('GET', KEYS[1]) or '0')
local newest = tonumber(redis.call('GET', KEYS[2]) or '0')
local wanted = math.min(tonumber(ARGV[1]) - 1, newest)
if wanted > point then
  redis.call('SET', KEYS[1], wanted)
  return wanted
end
return point
