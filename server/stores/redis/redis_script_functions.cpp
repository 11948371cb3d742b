#include "redis_scripts.h"

namespace millrace {

// Numbers in Lua are doubles: exact up to 2^53, which is more than a log can have.
const char* const kRedisScriptFunctions = R"lua(
local log, events, topics, finishes, ids, newest, retained = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local call = redis.call
-- The newest version of a log that these scripts know, and the one from which on it may have events of several topics.
local KNOWN_VERSION, SEVERAL_TOPICS = 2, 2
local EVENT, FINISH, BEGIN = '0', '1', '2'

local function decimal(n) return string.format('%.0f', n) end
local function padded(n) return string.format('%016.0f', n) end
local function entry_id(n) return decimal(n) .. '-0' end
local function sequence_of(id) return tonumber(string.sub(id, 1, string.find(id, '-', 1, true) - 1)) end
local function optional(text) if text == '' then return nil end return tonumber(text) end

local function shape()
  return call('XLEN', events) .. ' ' .. call('ZCARD', topics) .. ' ' .. call('ZCARD', finishes) .. ' ' ..
    call('ZCARD', ids) .. ' ' .. call('HLEN', newest) .. ' ' .. call('HLEN', retained)
end
-- Programs from before there was a second version look at the shape only: so it differs from what they expect.
local function shape_of(s) return (s.version > 1 and 'v' .. s.version .. ' ' or '') .. shape() end
local function load_log()
  local v = call('HMGET', log, 'epoch', 'run', 'head', 'oldest', 'entries', 'bytes', 'retained_topics',
    'retained_bytes', 'shape', 'version', 'passed_after', 'passed_through', 'rebuilt', 'superseded', 'retiring')
  if not v[1] then return nil end
  return {epoch = v[1], run = v[2], head = tonumber(v[3]), oldest = tonumber(v[4]), entries = tonumber(v[5]),
    bytes = tonumber(v[6]), retained_topics = tonumber(v[7]), retained_bytes = tonumber(v[8]), shape = v[9],
    version = tonumber(v[10]), passed_after = tonumber(v[11]), passed_through = tonumber(v[12]),
    rebuilt = v[13], superseded = v[14] or '', retiring = tonumber(v[15]) or 0}
end
local function changed() return redis.error_reply('MILLRACE_CHANGED its keys do not fit together') end
-- Why the log cannot be used.
local function flaw(s)
  if s.version > KNOWN_VERSION then
    return redis.error_reply('MILLRACE_NEWER version ' .. s.version .. ', known is ' .. KNOWN_VERSION)
  end
  if s.shape ~= shape_of(s) then return changed() end
end
local function open_log()
  local s = load_log()
  if not s then return nil, redis.error_reply('MILLRACE_GONE the log is missing') end
  local why = flaw(s)
  if why then return nil, why end
  return s
end
local function open_own_log(epoch, run)
  local s, refusal = open_log()
  if s and (s.epoch ~= epoch or s.run ~= run) then
    return nil, redis.error_reply('MILLRACE_MOVED another epoch or run')
  end
  return s, refusal
end
local function save_log(s)
  call('HSET', log, 'epoch', s.epoch, 'run', s.run, 'head', decimal(s.head), 'oldest', decimal(s.oldest),
    'entries', decimal(s.entries), 'bytes', decimal(s.bytes), 'retained_topics', decimal(s.retained_topics),
    'retained_bytes', decimal(s.retained_bytes), 'shape', shape_of(s), 'version', decimal(s.version), 'superseded', s.superseded)
end
local function answer(s)
  return {s.epoch, decimal(s.head), decimal(s.oldest), decimal(s.entries), decimal(s.bytes)}
end

-- The newest member that begins with the prefix and has a sequence from `from` on, and before `before` if given.
local function last_of(key, prefix, from, before)
  local high = before and ('(' .. prefix .. '\0' .. padded(before)) or ('(' .. prefix .. '\1')
  return call('ZREVRANGEBYLEX', key, high, '[' .. prefix .. '\0' .. padded(from), 'LIMIT', 0, 1)[1]
end
local function sequence_in(member, prefix) return tonumber(string.sub(member, #prefix + 2, #prefix + 17)) end
local function last_sequence(key, prefix, from, before)
  local member = last_of(key, prefix, from, before)
  return member and sequence_in(member, prefix)
end
local function kind_in(member, prefix) return string.sub(member, #prefix + 18, #prefix + 18) end
local function size_in(member, prefix) return tonumber(string.sub(member, #prefix + 19)) end

local function entry_at(sequence) return call('XRANGE', events, entry_id(sequence), entry_id(sequence))[1] end
-- The topics of an event of several stand in one text.
local function topics_in(text)
  local found = {}
  for topic in string.gmatch(text, '[^\n]+') do found[#found + 1] = topic end
  return found
end
-- The fields of an entry by their places.
local function fields(entry)
  local f = entry[2]
  return {kind = f[2], topic = f[4], topics = topics_in(f[4]), id = f[6], publisher = f[8], time = tonumber(f[10]),
    event = f[12]}
end
local function cost(e) return #e.event + #e.topic + #e.id + #e.publisher end
local function id_prefix(e, topic) return e.id .. '\0' .. topic .. '\0' .. e.publisher end
local function topic_member(sequence, e, topic)
  return topic .. '\0' .. padded(sequence) .. e.kind .. decimal(#e.event)
end

local function is_finished(s, topic)
  local member = last_of(topics, topic, s.oldest)
  return member ~= nil and kind_in(member, topic) == FINISH
end

-- The topic has an entry, which is in the log, or retained for it.
local function remember(sequence, e, topic)
  if e.id ~= '' then call('ZADD', ids, 0, id_prefix(e, topic) .. '\0' .. padded(sequence)) end
  if e.kind == EVENT then call('HSET', newest, topic, decimal(sequence)) end
end
local function add_to_topic(sequence, e, topic)
  call('ZADD', topics, 0, topic_member(sequence, e, topic))
  if e.kind == FINISH then call('ZADD', finishes, 0, topic .. '\0' .. padded(sequence)) end
  remember(sequence, e, topic)
end
-- The topic has an entry no more that is neither in the log nor retained for it.
local function forget(sequence, e, topic)
  if e.id ~= '' then call('ZREM', ids, id_prefix(e, topic) .. '\0' .. padded(sequence)) end
  if e.kind == EVENT and call('HGET', newest, topic) == decimal(sequence) then call('HDEL', newest, topic) end
end
local function retained_of(topic)
  local value = call('HGET', retained, topic)
  if not value then return nil, 0 end
  local colon = string.find(value, ':', 1, true)
  return tonumber(string.sub(value, 1, colon - 1)), tonumber(string.sub(value, colon + 1))
end
-- Whether one of its topics retains the entry.
local function is_retained(s, sequence, e)
  if s.retained_topics == 0 then return false end
  for _, topic in ipairs(e.topics) do
    if retained_of(topic) == sequence then return true end
  end
  return false
end
local function retain(sequence, e, topic)
  call('HSET', retained, topic, decimal(sequence) .. ':' .. decimal(cost(e)))
end
-- The topic has a newer event now, which is retained or not, or is finished. Returns which entry may be dropped.
local function supersede(s, topic, newer, e)
  if s.retained_topics == 0 and not newer then return '' end
  local sequence, bytes = retained_of(topic)
  if newer then
    retain(newer, e, topic)
    s.retained_topics = s.retained_topics + 1
    s.retained_bytes = s.retained_bytes + cost(e)
  end
  if not sequence then return '' end
  if not newer then call('HDEL', retained, topic) end
  s.retained_topics = s.retained_topics - 1
  s.retained_bytes = s.retained_bytes - bytes
  if sequence >= s.oldest then return '' end
  forget(sequence, fields(entry_at(sequence)), topic)
  return decimal(sequence) .. ' '
end
-- By the append after, since a crash may let the first writes of a script come back without the rest.
local function drop_superseded(s)
  for text in string.gmatch(s.superseded, '%d+') do
    local sequence = tonumber(text)
    local entry = entry_at(sequence)
    if entry and not is_retained(s, sequence, fields(entry)) then call('XDEL', events, entry_id(sequence)) end
  end
  s.superseded = ''
end

-- By a script that appends so many.
local function most_retired(appended) return 2 * appended + 1 end
-- Drops at most so many of the oldest entries; true if there may be more to drop.
local function retire(s, max_events, max_bytes, before, most)
  local dropped = 0
  while dropped < most and s.entries > 0 do
    local is_too_much = (max_events and s.entries > max_events) or
      (max_bytes and s.bytes > max_bytes and s.entries > 1)
    if not is_too_much and not before then break end
    local entry = call('XRANGE', events, entry_id(s.oldest), '+', 'COUNT', 1)[1]
    if not entry then break end
    local e = fields(entry)
    local sequence = sequence_of(entry[1])
    s.oldest = sequence
    if not is_too_much and e.time >= before then break end
    if not is_retained(s, sequence, e) then call('XDEL', events, entry_id(sequence)) end
    for _, topic in ipairs(e.topics) do
      call('ZREM', topics, topic_member(sequence, e, topic))
      if e.kind == FINISH then call('ZREM', finishes, topic .. '\0' .. padded(sequence)) end
      if s.retained_topics == 0 or retained_of(topic) ~= sequence then forget(sequence, e, topic) end
    end
    s.entries = s.entries - 1
    s.bytes = s.bytes - cost(e)
    s.oldest = sequence + 1
    dropped = dropped + 1
  end
  if dropped == 0 then return false end
  local first = call('XRANGE', events, entry_id(s.oldest), '+', 'COUNT', 1)[1]
  s.oldest = first and sequence_of(first[1]) or s.head + 1
  return dropped == most
end

-- A crash may let the first writes of a script come back without the rest (redis_rebuild_script.cpp). What they appended
-- has numbers that were not given, or were passed over.
local function is_foreign(s, sequence)
  return sequence > s.head or (s.passed_after and sequence > s.passed_after and sequence <= s.passed_through)
end
local function has_entry(after, through)
  return #call('XRANGE', events, entry_id(after + 1), through and entry_id(through) or '+', 'COUNT', 1) > 0
end
local function is_cut(s)
  if s.rebuilt then return true end
  if not s.passed_after then return false end
  return s.shape ~= shape_of(s) or has_entry(s.head) or has_entry(s.passed_after, s.passed_through)
end

-- The entries of these sequences, after the answer. `named`: of an entry's topics, those that it keeps.
local function add_entries(result, sequences, named)
  for _, sequence in ipairs(sequences) do
    local entry = entry_at(sequence)
    if entry and named and named[sequence] then
      local kept = {}
      for _, topic in ipairs(topics_in(entry[2][4])) do
        if named[sequence][topic] then kept[#kept + 1] = topic end
      end
      entry[2][4] = table.concat(kept, '\n')
    end
    if entry then result[#result + 1] = entry end
  end
  return result
end
-- The first of {sequence, size, topic}, in order, which fit into a page; after the answer and where the page ends. One
-- may stand there for several topics; with a topic, its entry gets these and no others.
local function page(result, found, through, most, bytes)
  table.sort(found, function(a, b) return a[1] < b[1] end)
  local chosen, size, named = {}, 0, {}
  for _, one in ipairs(found) do
    local sequence, topic = one[1], one[3]
    if chosen[#chosen] ~= sequence then
      if #chosen == most or size >= bytes then
        through = chosen[#chosen]
        break
      end
      chosen[#chosen + 1] = sequence
      size = size + one[2]
    end
    if topic then
      named[sequence] = named[sequence] or {}
      named[sequence][topic] = true
    end
  end
  result[#result + 1] = decimal(through)
  return add_entries(result, chosen, named)
end
-- Whether it is its topic's newest event, and counts.
local function is_newest(sequence, topic, takes_finished)
  if call('HGET', newest, topic) ~= decimal(sequence) then return false end
  return takes_finished or not last_sequence(finishes, topic, sequence)
end
)lua";

}  // namespace millrace
