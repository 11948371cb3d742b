#include "redis_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <map>
#include <span>
#include <utility>

#include "log/id_conflict.h"
#include "log/id_holders.h"
#include "log/retention.h"

namespace millrace {

namespace {

using Kind = Publication::Kind;
using Time = std::chrono::system_clock::time_point;

// Numbers that are passed over when Redis has been restarted or replaced: more than it can have lost.
constexpr std::uint64_t kSkippedSequences = std::uint64_t{1} << 32;

// Entries that are dropped at once when nothing is appended.
constexpr std::uint64_t kRetiredAtOnce = 256;

// Entries whose keys are made anew at once.
constexpr std::uint64_t kRebuiltAtOnce = 1'000;

// Of a page that only some entries match: Redis reads all of them, and does nothing else in the meantime.
constexpr std::uint64_t kScannedBytes = 4 * 1024 * 1024;

constexpr std::uint64_t kFollowedAtOnce = 256;

// Numbers in Redis's scripts are exact up to 2^53.
std::string text_of(std::uint64_t sequence) {
  constexpr std::uint64_t kMaxSequence = (std::uint64_t{1} << 53) - 2;
  return std::to_string(std::min(sequence, kMaxSequence));
}

std::string text_of(const std::optional<std::uint64_t>& bound) {
  return bound ? std::to_string(*bound) : "";
}

std::int64_t milliseconds_of(Time time) {
  return std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count(),
                                0);
}

std::string page_entries() {
  return std::to_string(EventStore::kPageEntries);
}

std::string page_bytes() {
  return std::to_string(EventStore::kPageBytes);
}

[[noreturn]] void refuse_foreign() {
  throw RedisError("the log in Redis has an entry that Millrace did not write");
}

// An entry has at least one.
std::vector<OwnedTopic> topics_in(std::string_view joined) {
  LogEntry entry{.topic = Topic("-")};
  if (!entry.set_topics(joined)) refuse_foreign();
  std::vector<OwnedTopic> topics{std::move(entry.topic)};
  for (OwnedTopic& topic : entry.further_topics) topics.push_back(std::move(topic));
  return topics;
}

LogEntry entry_of(const RedisValue& row) {
  const std::string_view id = row[0].text();
  const RedisValue fields = row[1];
  if (fields.size() != 12 || !id.ends_with("-0")) refuse_foreign();
  std::vector<OwnedTopic> topics = topics_in(fields[3].text());
  LogEntry entry{.sequence = row[0].number(),
                 .topic = std::move(topics.front()),
                 .kind = static_cast<Kind>(fields[1].number()),
                 .publisher_id = std::string(fields[5].text()),
                 .publisher_key = std::string(fields[7].text()),
                 .payload = std::string(fields[11].text()),
                 .published = Time(std::chrono::milliseconds(fields[9].number()))};
  topics.erase(topics.begin());
  entry.further_topics = std::move(topics);
  return entry;
}

// The entries that a script answers with, from the element `first` on.
EventStore::Page page_of(const RedisValue& reply, std::size_t first, std::uint64_t through) {
  EventStore::Page page{.through = through, .oldest = RedisState::of(reply).oldest};
  for (std::size_t i = first; i < reply.size(); ++i) page.entries.push_back(entry_of(reply[i]));
  return page;
}

void add_topics(RedisWords& words, const TopicFilter& filter) {
  for (const TopicPattern& pattern : filter.patterns()) words.emplace_back(pattern.view());
}

// In the order of the index of IDs, whose members have zeros after their parts: a zero in what is looked for comes
// after those.
std::string in_order(std::string_view text) {
  std::string result;
  for (const char c : text) {
    result += c;
    if (c == '\0') result += '\xff';
  }
  return result;
}

}  // namespace

RedisWords RedisPlace::keys() const {
  RedisWords keys;
  for (const char* part :
       {"log", "events", "topics", "finishes", "ids", "newest", "retained", "probe", "probe-set", "probe-hash"}) {
    keys.push_back("{" + name + "}:" + part);
  }
  return keys;
}

RedisState RedisState::of(const RedisValue& reply) {
  return {.epoch = std::string(reply[0].text()),
          .head = reply[1].number(),
          .oldest = reply[2].number(),
          .entries = reply[3].number(),
          .bytes = reply[4].number()};
}

// --- Writing --------------------------------------------------------------------------------------------------------

RedisWriter::RedisWriter(const Options& options, std::uint64_t head)
    : options_(options), keys_(options.place.keys()), connection_(options.place.address) {
  server_ = ask_redis(connection_);
  enter(head);
}

void RedisWriter::enter(std::uint64_t head) {
  const auto run = [&] {
    log_ = RedisState::of(connection_.run(
        kRedisEnter, keys_, {options_.new_epoch, server_.run, text_of(head), std::to_string(kSkippedSequences)}));
  };
  try {
    run();
  } catch (const RedisError& error) {
    if (error.code() != kRedisLogCut) throw;
    rebuild();
    run();
  }
}

void RedisWriter::rebuild() {
  const RedisWords arguments = {server_.run, std::to_string(kRebuiltAtOnce)};
  while (connection_.run(kRedisRebuild, keys_, arguments).number() != 0) {
  }
}

void RedisWriter::ask_again() {
  RedisServer server = ask_redis(connection_);
  if (server.run != server_.run) throw RedisError("Redis was restarted or replaced", kRedisLogMoved);
  server_ = std::move(server);
}

namespace {

constexpr std::string_view kConflict = "conflict ";

// The script has found it, and says where: the places of the publication and of its topic.
std::string conflict_of(const Contribution& contribution, std::string_view what) {
  what.remove_prefix(kConflict.size());
  std::size_t publication = 0;
  std::size_t topic = 0;
  const char* const end = what.data() + what.size();
  const auto after = std::from_chars(what.data(), end, publication);
  if (after.ptr != end) std::from_chars(after.ptr + 1, end, topic);
  const Publication& refused = contribution.publications[std::min(publication, contribution.publications.size() - 1)];
  return id_conflict(refused, refused.topic_at(std::min(topic, refused.topic_count() - 1)));
}

}  // namespace

// An event without an ID of its publisher's gets one with its sequence, which only the script knows: it is sent as what
// comes before that and after.
void RedisWriter::add_contribution(RedisWords& words, const Contribution& contribution) const {
  words.push_back(std::to_string(contribution.publications.size()));
  for (const Publication& publication : contribution.publications) {
    LogEntry first = LogEntry::of(log_.epoch, 1, publication, {});
    const bool is_event = publication.kind == Kind::kEvent;
    const bool is_numbered = is_event && first.publisher_id.empty();
    std::string after;
    if (is_numbered) {
      const LogEntry second = LogEntry::of(log_.epoch, 2, publication, {});
      const auto differs = std::mismatch(first.payload.begin(), first.payload.end(), second.payload.begin()).first;
      after.assign(differs + 1, first.payload.end());
      first.payload.erase(differs, first.payload.end());
    }
    words.push_back(std::to_string(static_cast<int>(publication.kind)));
    words.push_back(first.joined_topics());
    words.push_back(std::move(first.publisher_id));
    words.push_back(std::move(first.publisher_key));
    words.emplace_back(publication.retain && is_event ? "retain" : "");
    words.emplace_back(is_numbered ? "numbered" : "");
    words.push_back(std::move(first.payload));
    words.push_back(std::move(after));
  }
}

std::vector<LogEntry> RedisWriter::append(const ContributionGroup& group, Time now) {
  RedisWords words = own_log();
  words.insert(words.end(),
               {text_of(options_.bounds.events), text_of(options_.bounds.bytes),
                std::to_string(options_.bounds.retained_topics), std::to_string(options_.bounds.retained_bytes),
                std::to_string(milliseconds_of(now)), options_.place.channel(), options_.tag});
  for (const Contribution* contribution : group) add_contribution(words, *contribution);
  const RedisReply reply = connection_.run(kRedisAppend, keys_, words);
  log_ = RedisState::of(reply);
  const RedisValue given = reply[RedisState::kElements];
  std::vector<LogEntry> entries;
  std::size_t at = 0;
  for (Contribution* contribution : group) {
    for (std::size_t i = 0; i < contribution->publications.size(); ++i, ++at) {
      const std::string_view what = given[at].text();
      if (what == "topics") contribution->refusal = too_many_retained_topics(options_.bounds.retained_topics);
      if (what.starts_with(kConflict)) contribution->conflict = conflict_of(*contribution, what);
      if (what == "bytes") contribution->refusal = too_many_retained_bytes(options_.bounds.retained_bytes);
      if (contribution->refusal || contribution->conflict) continue;
      const std::uint64_t sequence = given[at].number();
      contribution->sequences[i] = sequence;
      if (sequence != 0) entries.push_back(LogEntry::of(log_.epoch, sequence, contribution->publications[i], now));
    }
  }
  return entries;
}

bool RedisWriter::retire(Time now) {
  std::string before;
  if (options_.bounds.age) before = std::to_string(milliseconds_of(now - *options_.bounds.age));
  RedisWords words = own_log();
  words.insert(words.end(), {text_of(options_.bounds.events), text_of(options_.bounds.bytes), before,
                             std::to_string(kRetiredAtOnce)});
  const RedisReply reply =
      connection_.run(server_.can_run_when_full ? kRedisRetireWhenFull : kRedisRetire, keys_, words);
  log_ = RedisState::of(reply);
  return reply[RedisState::kElements].number() != 0;
}

// --- Reading --------------------------------------------------------------------------------------------------------

RedisReply RedisQueries::run(const RedisScript& script, const RedisWords& arguments) {
  return connection_.run(script, keys_, arguments);
}

RedisState RedisQueries::log() {
  return RedisState::of(run(kRedisState, {}));
}

std::optional<std::uint64_t> RedisQueries::find(std::string_view publisher_id, const TopicFilter& filter) {
  if (publisher_id.empty()) return std::nullopt;
  const std::string id(publisher_id);
  const std::string end(1, '\0');
  return oldest_holder(filter, [&](std::string_view topic, std::string_view publisher) -> std::optional<IdHolder> {
    const RedisReply reply = run(kRedisHolder, {id, id + end + in_order(topic) + end + in_order(publisher)});
    const RedisValue holder = reply[RedisState::kElements];
    if (holder.is_nil()) return std::nullopt;
    const auto its_topic = Topic::parse(holder[0].text());
    if (!its_topic) refuse_foreign();
    return IdHolder{.topic = *its_topic, .publisher = std::string(holder[1].text()), .sequence = holder[2].number()};
  });
}

std::optional<std::uint64_t> RedisQueries::finished_at(const TopicFilter& filter, std::uint64_t seen) {
  if (!filter.is_literal()) return std::nullopt;
  RedisWords topics;
  add_topics(topics, filter);
  if (topics.size() == 1) {
    const RedisReply first = run(kRedisFirstFinish, {topics.front(), text_of(seen)});
    const std::uint64_t sequence = first[RedisState::kElements].number();
    if (sequence != 0) return sequence;
  }
  const RedisReply last = run(kRedisLastFinishes, topics);
  std::uint64_t newest = 0;
  for (std::size_t i = 0; i < topics.size(); ++i) {
    const std::uint64_t finish = last[RedisState::kElements + i].number();
    if (finish == 0) return std::nullopt;
    newest = std::max(newest, finish);
  }
  return newest;
}

EventStore::Page RedisQueries::fetch(const std::vector<std::uint64_t>& sequences, std::uint64_t through) {
  RedisWords words;
  for (const std::uint64_t sequence : sequences) words.push_back(text_of(sequence));
  return page_of(run(kRedisFetch, words), RedisState::kElements, through);
}

EventStore::Page RedisQueries::scan(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                    const char* where, const char* newest) {
  const RedisReply rows =
      run(kRedisScan, {text_of(sequence), text_of(until), where, std::to_string(EventStore::kPageScan),
                       std::to_string(kScannedBytes), newest});
  PageScan scan(filter, sequence);
  std::vector<std::uint64_t> chosen;
  std::map<std::uint64_t, std::vector<OwnedTopic>> named;  // of newest events, as far as they match
  std::uint64_t bytes = 0;
  std::size_t row = RedisState::kElements;
  for (; row < rows.size() && !scan.is_full(); ++row) {
    const RedisValue one = rows[row];
    std::vector<OwnedTopic> topics = topics_in(one[1].text());
    bytes += one[2].number();
    std::erase_if(topics, [&](const OwnedTopic& topic) { return !scan.wants(one[0].number(), topic); });
    if (topics.empty() || one[3].number() == 0) continue;
    chosen.push_back(one[0].number());
    named[one[0].number()] = std::move(topics);
    scan.add(one[2].number());
  }
  const bool is_whole = row == rows.size() && row - RedisState::kElements < EventStore::kPageScan &&
                        bytes < kScannedBytes && !scan.is_full();
  EventStore::Page page = fetch(chosen, is_whole ? until : scan.through());
  if (*newest == '\0') return page;
  for (LogEntry& entry : page.entries) {
    std::vector<OwnedTopic>& topics = named[entry.sequence];
    entry.topic = std::move(topics.front());
    entry.further_topics.assign(std::make_move_iterator(topics.begin() + 1), std::make_move_iterator(topics.end()));
  }
  return page;
}

EventStore::Page RedisQueries::read_after(std::uint64_t sequence, std::uint64_t head, const TopicFilter& filter) {
  if (!filter.is_literal()) return scan(sequence, head, filter, "log", "");
  RedisWords words = {text_of(sequence), text_of(head), page_entries(), page_bytes()};
  add_topics(words, filter);
  const RedisReply reply = run(kRedisOfTopics, words);
  return page_of(reply, RedisState::kElements + 1, reply[RedisState::kElements].number());
}

EventStore::Page RedisQueries::read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                                           EventStore::Topics topics) {
  const char* which = topics == EventStore::Topics::kAll ? "all" : "going on";
  if (!filter.is_literal()) return scan(sequence, until, filter, "", which);
  RedisWords words = {text_of(sequence), text_of(until), page_entries(), page_bytes(), which};
  add_topics(words, filter);
  const RedisReply reply = run(kRedisNewest, words);
  return page_of(reply, RedisState::kElements + 1, reply[RedisState::kElements].number());
}

std::uint64_t RedisQueries::first_after(std::uint64_t sequence, const TopicFilter& filter) {
  const RedisReply rows = run(kRedisScan, {text_of(sequence), "0", "before", std::to_string(EventStore::kPageScan),
                                           std::to_string(kScannedBytes), ""});
  PageScan scan(filter, sequence);
  std::uint64_t last = sequence;
  std::uint64_t bytes = 0;
  for (std::size_t row = RedisState::kElements; row < rows.size(); ++row) {
    last = rows[row][0].number();
    bytes += rows[row][2].number();
    const std::vector<OwnedTopic> topics = topics_in(rows[row][1].text());
    const bool is_wanted = scan.wants(last, topics.front(), std::span(topics).subspan(1));
    if (is_wanted || scan.is_full() || bytes >= kScannedBytes) return last;
  }
  return std::max(RedisState::of(rows).oldest, sequence + 1);
}

EventStore::Page RedisQueries::follow(std::uint64_t sequence) {
  const RedisReply reply = run(kRedisFollow, {text_of(sequence), std::to_string(kFollowedAtOnce), page_bytes()});
  EventStore::Page page = page_of(reply, RedisState::kElements, RedisState::of(reply).head);
  std::uint64_t bytes = 0;
  for (const LogEntry& entry : page.entries) bytes += entry.payload.size();
  const bool is_whole = page.entries.size() < kFollowedAtOnce && bytes < EventStore::kPageBytes;
  if (!is_whole) page.through = page.entries.back().sequence;
  return page;
}

}  // namespace millrace
