-- Replaces an object that is at the expected revision.
-- KEYS[1] object, KEYS[2] revision, KEYS[3] changes, and the channel where they are announced
-- ARGV[1] key text, ARGV[2] body, ARGV[3] operation id, ARGV[4] subscriptions of the writer itself,
-- ARGV[5] expected revision
-- Returns the new revision, -2 when the object is missing, -3 when it is at another revision.
-- Only the head of the stored text is read: `<revision>\n<body>`.
local head = redis.call('GETRANGE', KEYS[1], 0, 16)
if head == '' then
  return -2
end
if string.match(head, '^(%d+)\n') ~= ARGV[5] then
  return -3
end
local revision = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], revision .. '\n' .. ARGV[2])
redis.call('XADD', KEYS[3], revision .. '-0', 't', 'm', 'k', ARGV[1], 'b', ARGV[2], 'o', ARGV[3])
-- Only a wake-up, for other servers: the write stands without it.
if redis.call('PUBSUB', 'NUMSUB', KEYS[3])[2] > tonumber(ARGV[4]) then
  redis.pcall('PUBLISH', KEYS[3], revision .. ' ' .. ARGV[3])
end
return revision
