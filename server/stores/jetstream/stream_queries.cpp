#include "stream_queries.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "jetstream_limits.h"
#include "log/event_log.h"
#include "millrace/server/topic_filter.h"
#include "topic_subject.h"

namespace millrace {

namespace {

using nlohmann::json;

// JetStream's error code.
constexpr int kStreamNameInUse = 10058;

std::int64_t nanoseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

std::int64_t bound(std::optional<std::uint64_t> value) {
  return value ? static_cast<std::int64_t>(std::min<std::uint64_t>(*value, INT64_MAX)) : -1;
}

}  // namespace

StreamQueries::StreamQueries(const NatsConnection& connection, Options options)
    : connection_(connection), options_(std::move(options)) {
  const StoreBounds& bounds = options_.bounds;
  const Duration window = std::min(bounds.age.value_or(kStoreDuplicateWindow), kStoreDuplicateWindow);
  json config = {{"name", options_.name},
                 {"description", description(options_.new_epoch, {})},
                 {"subjects", {options_.name + ".>"}},
                 {"retention", "limits"},
                 {"storage", "file"},
                 {"discard", "old"},
                 {"max_msgs", bound(bounds.events)},
                 {"max_bytes", bound(bounds.bytes)},
                 {"max_age", nanoseconds(bounds.age.value_or(Duration{0}))},
                 {"duplicate_window", nanoseconds(window)},
                 {"num_replicas", options_.replicas.value_or(1)}};
  const json info = prepare(options_.name, config, config["subjects"]);
  epoch_ = epoch_of(info);
  set_numbers(numbers_of(info));
  take_losses_after(numbers()->last_mark(), false);
  config["name"] = ids();
  config["description"] = "Where the events of " + options_.name + " are, by their publishers' IDs";
  // The first pattern is for servers of older versions, which still write there.
  config["subjects"] = {ids() + ".*", ids() + ".*.*.>"};
  config["max_msgs_per_subject"] = 1;
  config["num_replicas"] = info.at("config").value("num_replicas", 1);
  prepare(ids(), config, json::array({ids() + ".*"}));
  const json a_former = connection_.ask("STREAM.MSG.GET." + ids(), {{"seq", 1}, {"next_by_subj", ids() + ".*"}});
  has_former_ids_ = !checked(a_former).is_null();
}

// Returns JetStream's description of the stream; creates the stream or updates its limits if necessary.
json StreamQueries::prepare(const std::string& name, const json& config, const json& former_subjects) const {
  json info = checked(connection_.ask("STREAM.INFO." + name, nullptr));
  if (info.is_null()) {
    json created = connection_.ask("STREAM.CREATE." + name, config);
    // Another server may have created it meanwhile.
    const bool is_there = created.contains("error") && created["error"].value("err_code", 0) == kStreamNameInUse;
    info = checked(is_there ? connection_.ask("STREAM.INFO." + name, nullptr) : std::move(created));
    if (info.is_null()) throw StoreUnavailable("JetStream: the stream \"" + name + "\" cannot be created");
  }
  json wanted = info.at("config");
  const json subjects = wanted.value("subjects", json::array());
  if (subjects != config.at("subjects") && subjects != former_subjects) {
    throw ForeignStream("the stream \"" + name +
                        "\" has other subjects and belongs to another program: choose another " +
                        "name, nats://HOST/NAME");
  }
  for (const char* limit : {"subjects", "max_msgs", "max_bytes", "max_age", "duplicate_window"}) {
    wanted[limit] = config.at(limit);
  }
  if (options_.replicas) wanted["num_replicas"] = config.at("num_replicas");
  if (wanted == info.at("config")) return info;
  return checked(connection_.ask("STREAM.UPDATE." + name, wanted));
}

NatsStreamFacts StreamQueries::facts() const {
  const json answer = info();
  NatsStreamFacts facts{.replicas = answer.at("config").value("num_replicas", std::uint64_t{1})};
  const auto cluster = answer.find("cluster");
  if (cluster == answer.end() || !cluster->is_object()) return facts;
  if (const std::string leader = cluster->value("leader", std::string()); !leader.empty()) {
    facts.peers.push_back(leader);
  }
  const json others = cluster->value("replicas", json::array());
  for (const json& peer : others) facts.peers.push_back(peer.value("name", std::string()));
  return facts;
}

json StreamQueries::info() const {
  json info = checked(connection_.ask("STREAM.INFO." + options_.name, nullptr));
  if (info.is_null())
    throw StoreUnavailable("the stream \"" + options_.name + "\" no longer exists: restart the server");
  if (epoch_of(info) != epoch_) {
    throw StoreUnavailable("the stream \"" + options_.name + "\" was deleted and created again: restart the server");
  }
  return info;
}

StreamQueries::State StreamQueries::state() const {
  const json answer = info();
  const json& state = answer.at("state");
  State now{.head = state.value("last_seq", std::uint64_t{0}),
            .entries = state.value("messages", std::uint64_t{0}),
            .bytes = state.value("bytes", std::uint64_t{0})};
  now.oldest = now.entries == 0 ? now.head + 1 : state.value("first_seq", std::uint64_t{1});
  return now;
}

std::optional<StreamEntry> StreamQueries::first(const std::string& subject, std::uint64_t from) const {
  const json answer =
      checked(connection_.ask("STREAM.MSG.GET." + options_.name, {{"seq", from}, {"next_by_subj", subject}}));
  if (answer.is_null()) return std::nullopt;
  return StreamEntry::of(answer);
}

std::optional<std::uint64_t> StreamQueries::last(const std::string& subject) const {
  const json answer = checked(connection_.ask("STREAM.MSG.GET." + options_.name, {{"last_by_subj", subject}}));
  if (answer.is_null()) return std::nullopt;
  return answer.at("message").at("seq").get<std::uint64_t>();
}

// --- Reading --------------------------------------------------------------------------------------------------------

// The first matching entries from this sequence on, up to `ahead` if they lie close together. Requests, all at once,
// the first match from each sequence on, so that none can be missed. Doubles `ahead` if every sequence matched.
std::deque<StreamEntry> StreamQueries::next(const std::string& stream, const std::string& subject, std::uint64_t from,
                                            std::size_t& ahead) const {
  std::vector<json> requests;
  for (std::size_t i = 0; i < ahead; ++i) requests.push_back({{"seq", from + i}, {"next_by_subj", subject}});
  std::deque<StreamEntry> entries;
  std::size_t bytes = 0;
  for (json& one : connection_.ask_all("STREAM.MSG.GET." + stream, requests)) {
    const json answer = checked(std::move(one));
    if (answer.is_null()) break;
    StreamEntry entry = StreamEntry::of(answer);
    if (!entries.empty() && entry.sequence == entries.back().sequence) continue;
    bytes += entry.data.size();
    entries.push_back(std::move(entry));
  }
  const bool is_dense = entries.size() == ahead && 2 * bytes <= EventStore::kPageBytes;
  ahead = is_dense ? std::min(2 * ahead, EventStore::kPageEntries) : std::max<std::size_t>(1, entries.size() / 2);
  return entries;
}

EventStore::Page StreamQueries::read_after(std::uint64_t sequence, std::uint64_t head,
                                           const TopicFilter& filter) const {
  struct Run {
    std::string subject;
    std::deque<StreamEntry> next = {};
    std::size_t ahead = 1;  // requests at once
  };
  const bool is_literal = filter.is_literal();
  // For wildcards JetStream checks every entry, so this bounds their number.
  const std::uint64_t last = is_literal ? head : std::min(head, sequence + EventStore::kPageScan);
  std::vector<Run> runs;
  const auto advance = [&](Run& run, std::uint64_t from) {
    if (run.next.empty() && from <= last) run.next = next(options_.name, run.subject, from, run.ahead);
    return !run.next.empty() && run.next.front().sequence <= last;
  };
  for (const TopicPattern& pattern : filter.patterns()) {
    Run run{.subject = options_.name + ".*." + topic_subject(pattern.view())};
    if (advance(run, sequence + 1)) runs.push_back(std::move(run));
  }
  EventStore::Page page{.through = last};
  std::size_t bytes = 0;
  while (!runs.empty()) {
    const auto least = std::min_element(runs.begin(), runs.end(), [](const Run& a, const Run& b) {
      return a.next.front().sequence < b.next.front().sequence;
    });
    const StreamEntry entry = least->next.front();
    // Unlike its subject, a pattern does not match Millrace's own topics.
    std::optional<LogEntry> one = log_entry(entry);
    if (one && filter.matches(one->topic)) {
      bytes += one->payload.size();
      page.entries.push_back(std::move(*one));
    }
    if (page.entries.size() == EventStore::kPageEntries || bytes >= EventStore::kPageBytes) {
      page.through = entry.sequence;
      break;
    }
    std::erase_if(runs, [&](Run& run) {
      if (run.next.front().sequence != entry.sequence) return false;
      run.next.pop_front();
      return !advance(run, entry.sequence + 1);
    });
  }
  // Reads the state last: what exists now also existed when the entries were read.
  const State now = state();
  if (now.head < head) throw StoreUnavailable("the NATS server that answered is behind the others");
  page.oldest = now.oldest;
  return page;
}

bool StreamQueries::has_begun_anew(std::string_view topic, std::uint64_t sequence) const {
  if (last(subject('f', topic)).value_or(0) < sequence) return false;
  const auto finish = first(subject('f', topic), sequence);
  return finish && std::max(last(subject('e', topic)), last(subject('b', topic))).value_or(0) > finish->sequence;
}

bool StreamQueries::is_finished(std::string_view topic) const {
  const auto finish = last(subject('f', topic));
  return finish && last(subject('e', topic)).value_or(0) < *finish && last(subject('b', topic)).value_or(0) < *finish;
}

std::optional<std::uint64_t> StreamQueries::finished_at(const TopicFilter& filter, std::uint64_t seen) const {
  if (!filter.is_literal()) return std::nullopt;
  std::uint64_t newest = 0;
  for (const TopicPattern& pattern : filter.patterns()) {
    const std::string_view topic = pattern.view();
    const auto finish = last(subject('f', topic));
    if (!finish) return std::nullopt;
    if (filter.patterns().size() == 1 && seen <= *finish) {
      const auto first_from = first(subject('f', topic), std::max<std::uint64_t>(1, seen));
      return first_from ? first_from->sequence : *finish;
    }
    if (!is_finished(topic)) return std::nullopt;
    newest = std::max(newest, *finish);
  }
  return newest;
}

// --- Entries and messages -------------------------------------------------------------------------------------------

std::string StreamQueries::subject(char kind, std::string_view topic) const {
  return options_.name + '.' + kind + '.' + topic_subject(topic);
}

NatsMessage StreamQueries::message(const Publication& publication) const {
  const std::string_view topic = publication.topic.view();
  if (publication.kind == Publication::Kind::kFinish)
    return {.subject = subject('f', topic), .headers = {}, .data = {}};
  if (publication.kind == Publication::Kind::kBegin) return {.subject = subject('b', topic), .headers = {}, .data = {}};
  const Event& event = publication.event;
  NatsMessage message{.subject = subject('e', topic), .headers = {}, .data = event.data};
  if (!event.type.empty()) message.headers.emplace_back("Millrace-Type", escape(event.type.view()));
  if (!event.id.empty()) message.headers.emplace_back("Millrace-Id", escape(event.id.view()));
  if (!event.id.empty()) {
    message.headers.emplace_back("Millrace-Publisher", publisher_token(publisher_key(publication.publisher)));
  }
  if (event.retry) message.headers.emplace_back("Millrace-Retry", std::to_string(event.retry->count()));
  if (const TraceContext& trace = event.trace; !trace.empty()) {
    message.headers.emplace_back("Millrace-Traceparent", std::string(trace.parent()));
    if (!trace.state().empty()) message.headers.emplace_back("Millrace-Tracestate", escape(trace.state()));
  }
  return message;
}

std::optional<LogEntry> StreamQueries::log_entry(const StreamEntry& entry) const {
  const std::string_view rest =
      std::string_view(entry.subject).substr(std::min(entry.subject.size(), options_.name.size() + 1));
  if (rest.size() < 3 || rest[1] != '.') return std::nullopt;
  const auto topic = subject_topic(rest.substr(2));
  if (!topic) return std::nullopt;
  Publication publication{.topic = *topic};
  const auto type_text = unescape(entry.type);
  const auto id_text = unescape(entry.id);
  const std::string trace_state = unescape(entry.trace_state).value_or("");
  if (!type_text || !id_text) return std::nullopt;
  switch (rest[0]) {
    case 'f':
      publication.kind = Publication::Kind::kFinish;
      break;
    case 'b':
      publication.kind = Publication::Kind::kBegin;
      break;
    case 'e': {
      const auto type = EventType::parse(*type_text);
      const auto id = EventId::parse(*id_text);
      if (!type || !id) return std::nullopt;
      publication.event = {.type = *type, .data = entry.data, .id = *id};
      publication.event.trace = TraceContext::parse(entry.trace_parent, trace_state).value_or(TraceContext());
      Duration::rep retry = 0;
      const auto end = std::from_chars(entry.retry.data(), entry.retry.data() + entry.retry.size(), retry).ptr;
      if (!entry.retry.empty() && end == entry.retry.data() + entry.retry.size())
        publication.event.retry = Duration{retry};
      break;
    }
    default:
      return std::nullopt;
  }
  LogEntry ours = LogEntry::of(epoch_, numbers()->in_log(entry.sequence), publication, {});
  ours.sequence = entry.sequence;
  if (!ours.publisher_id.empty()) ours.publisher_key = publisher_of(entry.publisher);
  return ours;
}

}  // namespace millrace
