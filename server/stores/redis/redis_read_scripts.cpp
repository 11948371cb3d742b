#include "redis_scripts.h"

namespace millrace {

const RedisScript kRedisState{R"lua(
local s, refusal = open_log()
if not s then return refusal end
return answer(s)
)lua"};

const RedisScript kRedisFollow{R"lua(
local s, refusal = open_log()
if not s then return refusal end
local result = answer(s)
local after, most, bytes = math.max(tonumber(ARGV[1]), s.oldest - 1), tonumber(ARGV[2]), tonumber(ARGV[3])
local count, size = 0, 0
while count < most and size < bytes do
  local entries = call('XRANGE', events, entry_id(after + 1), '+', 'COUNT', 16)
  for _, entry in ipairs(entries) do
    if count == most or size >= bytes then return result end
    result[#result + 1] = entry
    after = sequence_of(entry[1])
    count = count + 1
    size = size + #entry[2][12]
  end
  if #entries < 16 then break end
end
return result
)lua"};

// Sequence, topics (those for which it counts), size and whether it counts of each entry. It reads their events, so it
// stops at a bound of bytes.
const RedisScript kRedisScan{R"lua(
local s, refusal = open_log()
if not s then return refusal end
local result = answer(s)
local after, until_, most, bytes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])
if ARGV[3] == 'log' then after = math.max(after, s.oldest - 1) end
if ARGV[3] == 'before' then until_ = s.oldest - 1 end
local count, size, is_over = 0, 0, after >= until_
while not is_over do
  local entries = call('XRANGE', events, entry_id(after + 1), entry_id(until_), 'COUNT', 32)
  for _, entry in ipairs(entries) do
    after = sequence_of(entry[1])
    local e = fields(entry)
    local counts, named = 1, e.topic
    if ARGV[6] ~= '' then
      local newest_of = {}
      for _, topic in ipairs(e.topics) do
        if e.kind == EVENT and is_newest(after, topic, ARGV[6] == 'all') then newest_of[#newest_of + 1] = topic end
      end
      counts = #newest_of > 0 and 1 or 0
      if counts == 1 then named = table.concat(newest_of, '\n') end
    end
    if ARGV[3] ~= 'before' or is_retained(s, after, e) then
      result[#result + 1] = {decimal(after), named, #e.event, counts}
      count = count + 1
      size = size + #e.event
    end
    if count == most or size >= bytes then return result end
  end
  is_over = #entries < 32
end
return result
)lua"};

const RedisScript kRedisOfTopics{R"lua(
local s, refusal = open_log()
if not s then return refusal end
local after, until_, most = math.max(tonumber(ARGV[1]), s.oldest - 1), tonumber(ARGV[2]), tonumber(ARGV[3])
local found = {}
for i = 5, #ARGV do
  local topic = ARGV[i]
  for _, member in ipairs(call('ZRANGEBYLEX', topics, '[' .. topic .. '\0' .. padded(after + 1),
      '(' .. topic .. '\0' .. padded(until_ + 1), 'LIMIT', 0, most + 1)) do
    found[#found + 1] = {sequence_in(member, topic), size_in(member, topic)}
  end
end
return page(answer(s), found, until_, most, tonumber(ARGV[4]))
)lua"};

const RedisScript kRedisNewest{R"lua(
local s, refusal = open_log()
if not s then return refusal end
local after, until_, found = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for i = 6, #ARGV do
  local topic = ARGV[i]
  local sequence = tonumber(call('HGET', newest, topic) or 0)
  if sequence > after and sequence <= until_ and is_newest(sequence, topic, ARGV[5] == 'all') then
    found[#found + 1] = {sequence, #fields(entry_at(sequence)).event, topic}
  end
end
return page(answer(s), found, until_, tonumber(ARGV[3]), tonumber(ARGV[4]))
)lua"};

const RedisScript kRedisFetch{R"lua(
local s, refusal = open_log()
if not s then return refusal end
local sequences = {}
for i, text in ipairs(ARGV) do sequences[i] = tonumber(text) end
return add_entries(answer(s), sequences)
)lua"};

const RedisScript kRedisHolder{R"lua(
local s, refusal = open_log()
if not s then return refusal end
local id = ARGV[1]
local member = call('ZRANGEBYLEX', ids, '[' .. ARGV[2], '(' .. id .. '\1', 'LIMIT', 0, 1)[1]
local result = answer(s)
if not member then return result end
local topic_end = string.find(member, '\0', #id + 2, true)
local topic = string.sub(member, #id + 2, topic_end - 1)
local publisher = string.sub(member, topic_end + 1, string.find(member, '\0', topic_end + 1, true) - 1)
result[6] = {topic, publisher, decimal(last_sequence(ids, id .. '\0' .. topic .. '\0' .. publisher, 0))}
return result
)lua"};

const RedisScript kRedisFirstFinish{R"lua(
local s, refusal = open_log()
if not s then return refusal end
local topic = ARGV[1]
local member = call('ZRANGEBYLEX', finishes, '[' .. topic .. '\0' .. padded(math.max(tonumber(ARGV[2]), s.oldest)),
  '(' .. topic .. '\1', 'LIMIT', 0, 1)[1]
local result = answer(s)
result[6] = member and decimal(sequence_in(member, topic)) or '0'
return result
)lua"};

const RedisScript kRedisLastFinishes{R"lua(
local s, refusal = open_log()
if not s then return refusal end
local result = answer(s)
for _, topic in ipairs(ARGV) do
  result[#result + 1] = is_finished(s, topic) and decimal(last_sequence(finishes, topic, s.oldest)) or '0'
end
return result
)lua"};

}  // namespace millrace
