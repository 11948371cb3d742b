#include "redis_scripts.h"

namespace millrace {

// A run that is not the one which wrote last may have lost what came after it, and others may have seen that: so its
// numbers are not given again.
const RedisScript kRedisEnter{R"lua(
local given, skipped, passed = tonumber(ARGV[3]), tonumber(ARGV[4]), nil
local s = load_log()
if not s then
  if shape() ~= '0 0 0 0 0 0' then return redis.error_reply('MILLRACE_CHANGED there are keys without a log') end
  local head = given > 0 and given + skipped or 0
  s = {epoch = ARGV[1], head = head, oldest = head + 1, entries = 0, bytes = 0, retained_topics = 0, retained_bytes = 0,
    version = 1, superseded = ''}
else
  if s.version <= KNOWN_VERSION and (s.rebuilt or s.run ~= ARGV[2]) and is_cut(s) then
    return redis.error_reply('MILLRACE_CUT a crash has cut a write')
  end
  local why = flaw(s)
  if why then return why end
  local head = math.max(s.head, given)
  if s.run ~= ARGV[2] then
    head = head + skipped
    passed = {'passed_after', decimal(s.head), 'passed_through', decimal(head)}
  end
  if head > s.head and s.entries == 0 then s.oldest = head + 1 end
  s.head = head
end
s.run = ARGV[2]
-- A full Redis refuses the first write of a script, and no other.
call('XADD', KEYS[8], '*', 'a', 'b')
call('XDEL', KEYS[8], '0-1')
call('DEL', KEYS[8])
call('ZADD', KEYS[9], 0, 'a')
call('ZREM', KEYS[9], 'a')
call('HSET', KEYS[10], 'a', 'b')
call('HDEL', KEYS[10], 'a')
if passed then call('HSET', log, unpack(passed)) end
save_log(s)
return answer(s)
)lua"};

const RedisScript kRedisAppend{R"lua(
local s, refusal = open_own_log(ARGV[1], ARGV[2])
if not s then return refusal end
local max_events, max_bytes = optional(ARGV[3]), optional(ARGV[4])
local max_topics, max_retained = tonumber(ARGV[5]), tonumber(ARGV[6])
local time, channel, tag = ARGV[7], ARGV[8], ARGV[9]

local function life_before(topic)
  local last = last_of(topics, topic, s.oldest)
  if not last then return 0 end
  local sequence = sequence_in(last, topic)
  if kind_in(last, topic) == FINISH then
    sequence = last_sequence(topics, topic, s.oldest, sequence)
    if not sequence then return 0 end
  end
  return last_sequence(finishes, topic, s.oldest, sequence) or 0
end
-- The publisher's event with this ID in the topic, published since the topic began.
local function published_as(p, topic)
  local found = last_sequence(ids, id_prefix(p, topic), 0)
  if found and found >= life_before(topic) then return found end
end
local function is_new(p)
  if p.kind ~= EVENT then return is_finished(s, p.topic) == (p.kind == BEGIN) end
  if p.id == '' then return true end
  for _, topic in ipairs(p.topics) do
    if not published_as(p, topic) then return true end
  end
  return false
end
-- Which event of several topics has an ID that is in use in some of them, and in which, by their places from 0 on.
local function conflict(contribution)
  for i, p in ipairs(contribution) do
    if #p.topics > 1 and p.id ~= '' then
      local first = published_as(p, p.topics[1])
      for n = 2, #p.topics do
        if published_as(p, p.topics[n]) ~= first then
          return 'conflict ' .. (i - 1) .. ' ' .. (first and 0 or n - 1)
        end
      end
    end
  end
end
local function event_at(p, sequence) return p.numbered and p.before .. decimal(sequence) .. p.after or p.before end

-- Why the contribution does not fit into the bounds of retained events.
local function overflow(contribution)
  local count, bytes, costs = s.retained_topics, s.retained_bytes, {}
  for _, p in ipairs(contribution) do
    if p.kind ~= BEGIN and is_new(p) then
      local own = 0
      if p.retain then
        p.event = event_at(p, s.head + 1)
        own = cost(p)
      end
      for _, topic in ipairs(p.topics) do
        local _, before = retained_of(topic)
        before = costs[topic] or before
        if before > 0 then count = count - 1 end
        if own > 0 then count = count + 1 end
        bytes = bytes - before + own
        costs[topic] = own
      end
      if p.retain and count > max_topics then return 'topics' end
      if p.retain and bytes > max_retained then return 'bytes' end
    end
  end
end
local appended, superseded = 0, ''
local function append(p)
  if not is_new(p) then return 0 end
  local sequence = s.head + 1
  p.event = event_at(p, sequence)
  -- First, since the first to be refused for a reason of Redis's own is then the only one.
  call('XADD', events, entry_id(sequence), 'kind', p.kind, 'topic', p.topic, 'id', p.id, 'publisher', p.publisher,
    'time', time, 'event', p.event)
  s.head = sequence
  s.entries = s.entries + 1
  s.bytes = s.bytes + cost(p)
  if #p.topics > 1 then s.version = math.max(s.version, SEVERAL_TOPICS) end
  for _, topic in ipairs(p.topics) do
    add_to_topic(sequence, p, topic)
    if p.kind ~= BEGIN then superseded = superseded .. supersede(s, topic, p.retain and sequence, p) end
  end
  appended = appended + 1
  return sequence
end

local given, at = {}, 10
local function take()
  at = at + 1
  return ARGV[at - 1]
end
while at <= #ARGV do
  local contribution, retains = {}, false
  for i = 1, tonumber(take()) do
    local p = {kind = take(), topic = take(), id = take(), publisher = take(), retain = take() == 'retain',
      numbered = take() == 'numbered', before = take(), after = take()}
    p.topics = topics_in(p.topic)
    contribution[i] = p
    retains = retains or p.retain
  end
  local why = conflict(contribution) or (retains and overflow(contribution))
  for _, p in ipairs(contribution) do given[#given + 1] = why or decimal(append(p)) end
end
if appended > 0 then
  retire(s, max_events, max_bytes, nil, most_retired(appended))
  drop_superseded(s)
  s.superseded = superseded
  save_log(s)
  call('PUBLISH', channel, tag)
end
local result = answer(s)
result[6] = given
return result
)lua"};

namespace {

constexpr const char* kRetire = R"lua(
local s, refusal = open_own_log(ARGV[1], ARGV[2])
if not s then return refusal end
local most = tonumber(ARGV[6])
-- A full Redis refuses this one, before it lets anything be deleted.
call('HSET', log, 'retiring', decimal(most))
local oldest = s.oldest
local more = retire(s, optional(ARGV[3]), optional(ARGV[4]), optional(ARGV[5]), most)
if s.oldest ~= oldest then save_log(s) end
call('HSET', log, 'retiring', '0')
local result = answer(s)
result[6] = more and 1 or 0
return result
)lua";

}  // namespace

const RedisScript kRedisRetire{kRetire};
const RedisScript kRedisRetireWhenFull{kRetire, "#!lua flags=allow-oom\n"};

}  // namespace millrace
