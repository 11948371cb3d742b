#include "redis_scripts.h"

namespace millrace {

// Redis writes the effects of a script to its append-only file as one transaction. If a crash cuts that within one of
// its commands, Redis (seen with 7.0 and 8.0) removes this command only. It leaves out the commands before at the next
// start, but carries them out at the start after it, together with the first transaction that follows them. So a part
// of a write comes back that nobody was told of, before all that was acknowledged since.
//
// Such a part may have appended entries, and dropped some of the oldest. Its entries have numbers that were never
// given; they are removed. The other keys are made anew from the entries. That is done page by page, since Redis does
// nothing else meanwhile: `rebuilt` says how far it is, so that several servers do it together, and another goes on
// where one has ended.
const RedisScript kRedisRebuild{R"lua(
local most = tonumber(ARGV[2])
local s = load_log()
if not s or s.version > KNOWN_VERSION or not (s.rebuilt or s.run ~= ARGV[1] and is_cut(s)) then return 0 end

local next_, entries, bytes, removed, oldest = 1, 0, 0, 0, 0
if s.rebuilt then
  local n = {}
  for number in string.gmatch(s.rebuilt, '%d+') do n[#n + 1] = tonumber(number) end
  next_, entries, bytes, removed, oldest = n[1], n[2], n[3], n[4], n[5]
else
  call('DEL', topics, finishes, ids, newest)
end

local function is_retained_for(sequence, topic)
  local now = retained_of(topic)
  return now and (now == sequence or is_foreign(s, now))
end
local function add_retained(sequence, e)
  local is_kept = false
  for _, topic in ipairs(e.topics) do
    if is_retained_for(sequence, topic) then
      remember(sequence, e, topic)
      is_kept = true
    end
  end
  if not is_kept then call('XDEL', events, entry_id(sequence)) end
end
local function add(sequence, e)
  for _, topic in ipairs(e.topics) do add_to_topic(sequence, e, topic) end
  entries = entries + 1
  bytes = bytes + cost(e)
  if oldest == 0 then oldest = sequence end
end
-- It was retained, so that its topics retain the event before it again.
local function remove(sequence, e)
  for _, topic in ipairs(e.topics) do
    if retained_of(topic) == sequence then
      local before = tonumber(call('HGET', newest, topic) or 0)
      if before > 0 then retain(before, fields(entry_at(before)), topic) else call('HDEL', retained, topic) end
    end
  end
  call('XDEL', events, entry_id(sequence))
  removed = removed + 1
end

local page = call('XRANGE', events, entry_id(next_), '+', 'COUNT', most)
for _, entry in ipairs(page) do
  if #entry[2] ~= 12 then return changed() end
end
for _, entry in ipairs(page) do
  local sequence, e = sequence_of(entry[1]), fields(entry)
  if is_foreign(s, sequence) then
    remove(sequence, e)
  elseif sequence < s.oldest then
    add_retained(sequence, e)
  else
    add(sequence, e)
  end
  next_ = sequence + 1
end
if #page == most then
  call('HSET', log, 'rebuilt', table.concat({decimal(next_), decimal(entries), decimal(bytes), decimal(removed),
    decimal(oldest)}, ' '))
  return 1
end

-- If more is missing than that write can have dropped, another program has changed the keys.
local missing = s.entries - entries
if missing < 0 or missing > s.retiring + (removed > 0 and most_retired(removed) or 0) then return changed() end
s.entries, s.bytes, s.oldest = entries, bytes, oldest > 0 and oldest or s.head + 1
s.retained_topics, s.retained_bytes, s.superseded = 0, 0, ''
local values = call('HGETALL', retained)
for i = 1, #values, 2 do
  local sequence, size = retained_of(values[i])
  if entry_at(sequence) then
    s.retained_topics = s.retained_topics + 1
    s.retained_bytes = s.retained_bytes + size
  else
    call('HDEL', retained, values[i])
  end
end
call('HDEL', log, 'rebuilt', 'retiring')
save_log(s)
return 0
)lua"};

}  // namespace millrace
