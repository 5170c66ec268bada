-- Forgets changes before a revision. The trim point only rises, and never above the newest revision.
-- KEYS[1] changes, KEYS[2] trim point, KEYS[3] revision
-- ARGV[1] the first revision to keep
-- Returns the trim point: changes can be followed from there on.
local point = tonumber(redis.call('GET', KEYS[2]) or '0')
local newest = tonumber(redis.call('GET', KEYS[3]) or '0')
local wanted = math.min(tonumber(ARGV[1]) - 1, newest)
if wanted > point then
  redis.call('XTRIM', KEYS[1], 'MINID', (wanted + 1) .. '-0')
  redis.call('SET', KEYS[2], wanted)
  return wanted
end
return point
