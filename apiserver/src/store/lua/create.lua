-- Creates an object that does not exist yet.
-- KEYS[1] object, KEYS[2] revision, KEYS[3] changes, and the channel where they are announced
-- ARGV[1] key text (resource/namespace/name), ARGV[2] body, ARGV[3] operation id, ARGV[4] subscriptions of the writer itself
-- Returns the new revision, or -1 when the object exists.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return -1
end
local revision = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], revision .. '\n' .. ARGV[2])
redis.call('XADD', KEYS[3], revision .. '-0', 't', 'a', 'k', ARGV[1], 'b', ARGV[2], 'o', ARGV[3])
-- Only a wake-up, for other servers: the write stands without it.
if redis.call('PUBSUB', 'NUMSUB', KEYS[3])[2] > tonumber(ARGV[4]) then
  redis.pcall('PUBLISH', KEYS[3], revision .. ' ' .. ARGV[3])
end
return revision
