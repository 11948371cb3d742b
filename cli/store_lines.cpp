#include "store_lines.h"

#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <streambuf>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "millrace/core/event_stream_parser.h"
#include "millrace/core/event_stream_writer.h"
#include "millrace/core/limits.h"
#include "parse_json.h"

namespace millrace::cli {

namespace {

using nlohmann::json;
using Kind = Publication::Kind;

constexpr char kFormat[] = "store";
constexpr std::uint64_t kFormatVersion = 1;

// Leaves room for the sequences that a restored store skips, and for those after them.
constexpr std::uint64_t kMaxHead = (std::uint64_t{1} << 62) - 1;

// In the year 2255; later times do not fit into the clock's nanoseconds.
constexpr std::uint64_t kMaxTime = 9'000'000'000'000;

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kFinish:
      return "finish";
    case Kind::kBegin:
      return "begin";
    case Kind::kEvent:
      break;
  }
  return "event";
}

// Text outside UTF-8 is kept by the field `payload`.
std::string line_of(const json& object) {
  return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::optional<std::string> bytes_of(const std::string& base64) {
  std::string bytes(base64.size() / 4 * 3 + 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(base64.data()), static_cast<int>(base64.size()));
  if (size < 0 || base64.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = base64.ends_with("==") ? 2 : base64.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

// The fields of a stored event.
struct Fields {
  std::string type = {};
  std::string data = {};
  std::string id = {};
  std::optional<Duration> retry = {};
  OwnedTraceContext trace = {};
};

// Nothing unless it is one event, and nothing else: subscribers get the bytes as they are.
std::optional<Fields> fields_of(std::string_view payload) {
  EventStreamParser parser({}, payload.size() + 1);
  parser.feed(payload);
  Fields fields;
  bool is_complete = false;
  for (auto item = parser.next(); item != EventStreamParser::Item::kNeedMore; item = parser.next()) {
    if (item == EventStreamParser::Item::kTooLarge || is_complete) return std::nullopt;
    if (item == EventStreamParser::Item::kRetry) fields.retry = parser.reconnection_time();
    if (item != EventStreamParser::Item::kEvent) continue;
    if (parser.event().type != "message") fields.type = parser.event().type;
    fields.data = parser.event().data;
    fields.id = parser.event().last_event_id;
    fields.trace = parser.event().trace;
    is_complete = true;
  }
  if (!is_complete || payload.find("\n\n") + 2 != payload.size()) return std::nullopt;
  return fields;
}

// Nothing if no event can have these fields.
std::optional<std::string> payload_of(const Fields& fields) {
  const auto type = EventType::parse(std::string_view(fields.type));
  const auto id = EventId::parse(std::string_view(fields.id));
  if (!type || !id) return std::nullopt;
  std::string payload;
  EventStreamWriter(payload).event(
      {.type = *type, .data = fields.data, .id = *id, .retry = fields.retry, .trace = fields.trace});
  return payload;
}

std::string own_id(const std::string& epoch, std::uint64_t sequence) {
  return epoch + "-" + std::to_string(sequence);
}

// A field of a line, which begins as `fallback` if it may be missing.
template <typename Value>
Value field(const json& object, const char* name, const char* expected, std::optional<Value> fallback = {}) {
  const auto found = object.find(name);
  if (found == object.end() && fallback) return *fallback;
  bool is_right = found != object.end();
  if constexpr (std::is_same_v<Value, std::string>) {
    is_right = is_right && found->is_string();
  } else if constexpr (std::is_same_v<Value, bool>) {
    is_right = is_right && found->is_boolean();
  } else {
    is_right = is_right && found->is_number_unsigned();
  }
  if (!is_right) throw std::runtime_error(std::string(name) + ": expected " + expected);
  return found->get<Value>();
}

Kind kind_in(const json& object) {
  const auto name = field<std::string>(object, "kind", "event, finish or begin", "event");
  for (const Kind kind : {Kind::kEvent, Kind::kFinish, Kind::kBegin}) {
    if (name == name_of(kind)) return kind;
  }
  throw std::runtime_error("kind: expected event, finish or begin");
}

OwnedTraceContext trace_in(const json& object) {
  if (!object.contains("traceparent")) return {};
  const auto parent = field<std::string>(object, "traceparent", "text");
  const auto state = field<std::string>(object, "tracestate", "text", "");
  const auto trace = TraceContext::parse(parent, state);
  if (!trace || trace->state() != state) {
    throw std::runtime_error("traceparent or tracestate: expected them in the form of W3C Trace Context");
  }
  return *trace;
}

std::string payload_in(const json& object) {
  if (object.contains("payload")) {
    const auto bytes = bytes_of(field<std::string>(object, "payload", "base64"));
    if (!bytes) throw std::runtime_error("payload: expected base64");
    return *bytes;
  }
  Fields fields{.type = field<std::string>(object, "type", "text", ""),
                .data = field<std::string>(object, "data", "text"),
                .id = field<std::string>(object, "id", "text")};
  if (object.contains("retry")) {
    const auto retry = field<std::uint64_t>(object, "retry", "milliseconds");
    if (retry > static_cast<std::uint64_t>(kMaxReconnectionTime.count())) {
      throw std::runtime_error("retry: expected at most " + std::to_string(kMaxReconnectionTime.count()));
    }
    fields.retry = Duration{static_cast<Duration::rep>(retry)};
  }
  fields.trace = trace_in(object);
  const auto payload = payload_of(fields);
  if (!payload) throw std::runtime_error("type or id: must be the type or ID of an event, without line ends");
  return *payload;
}

// A string, or an array of the topics of an event of several.
json topic_of(const LogEntry& entry) {
  if (entry.further_topics.empty()) return entry.topic.text();
  json topics = json::array();
  for (std::size_t i = 0; i < entry.topic_count(); ++i) topics.push_back(entry.topic_at(i).text());
  return topics;
}

std::vector<OwnedTopic> topics_in(const json& object) {
  const auto fail = [] { return std::runtime_error("topic: expected a topic, or an array of different topics"); };
  const auto found = object.find("topic");
  if (found == object.end()) throw fail();
  const json all = found->is_array() ? *found : json::array({*found});
  if (all.empty() || all.size() > kMaxTopicsPerEvent) throw fail();
  std::vector<OwnedTopic> topics;
  for (const json& one : all) {
    auto topic = one.is_string() ? OwnedTopic::parse(one.get<std::string>()) : std::nullopt;
    if (!topic || std::count(topics.begin(), topics.end(), *topic) > 0) throw fail();
    topics.push_back(std::move(*topic));
  }
  return topics;
}

StoreAccess::Entry entry_in(const json& object, const std::string& epoch) {
  const auto sequence = field<std::uint64_t>(object, "sequence", "a number");
  std::vector<OwnedTopic> topics = topics_in(object);
  const auto milliseconds = field<std::uint64_t>(object, "time", "milliseconds since 1970", 0);
  if (milliseconds > kMaxTime) throw std::runtime_error("time: expected milliseconds since 1970");
  StoreAccess::Entry entry{
      .entry = {.sequence = sequence,
                .topic = std::move(topics.front()),
                .kind = kind_in(object),
                .published = std::chrono::system_clock::time_point(std::chrono::milliseconds(milliseconds))},
      .is_retained = field<bool>(object, "retained", "true or false", false)};
  entry.entry.further_topics.assign(std::make_move_iterator(topics.begin() + 1), std::make_move_iterator(topics.end()));
  if (entry.entry.kind != Kind::kEvent) {
    if (topics.size() > 1) throw std::runtime_error("topic: only an event can have several topics");
    if (entry.is_retained) throw std::runtime_error("retained: only an event can be retained");
    return entry;
  }
  entry.entry.payload = payload_in(object);
  const auto fields = fields_of(entry.entry.payload);
  if (!fields) throw std::runtime_error("payload: expected an event in the format of event streams");
  if (fields->id == own_id(epoch, sequence)) return entry;
  if (fields->id.starts_with(epoch + "-")) {
    throw std::runtime_error("id: expected " + own_id(epoch, sequence) + ", or one that the log has not given");
  }
  entry.entry.publisher_id = fields->id;
  entry.entry.publisher_key = field<std::string>(object, "publisher", "text", "");
  return entry;
}

}  // namespace

std::string head_line(const StoreDescription& store) {
  return line_of({{"millrace", kFormat},
                  {"format", kFormatVersion},
                  {"epoch", store.epoch},
                  {"oldest", store.oldest},
                  {"head", store.head}});
}

std::string entry_line(const std::string& epoch, const StoreAccess::Entry& entry) {
  const LogEntry& one = entry.entry;
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(one.published.time_since_epoch()).count();
  json object{{"sequence", one.sequence},
              {"topic", topic_of(one)},
              {"kind", name_of(one.kind)},
              {"time", static_cast<std::uint64_t>(std::max<std::int64_t>(milliseconds, 0))}};
  if (entry.is_retained) object["retained"] = true;
  if (!one.publisher_key.empty()) object["publisher"] = one.publisher_key;
  if (one.kind != Kind::kEvent) return line_of(object);
  const auto fields = fields_of(one.payload);
  if (fields) {
    object["id"] = fields->id;
    if (!fields->type.empty()) object["type"] = fields->type;
    object["data"] = fields->data;
    if (fields->retry) object["retry"] = fields->retry->count();
    if (!fields->trace.empty()) object["traceparent"] = fields->trace.parent();
    if (!fields->trace.state().empty()) object["tracestate"] = fields->trace.state();
  }
  // What the fields do not say exactly is kept byte for byte.
  const bool is_exact = fields && payload_of(*fields) == one.payload &&
                        fields->id == (one.publisher_id.empty() ? own_id(epoch, one.sequence) : one.publisher_id);
  if (!is_exact) object["payload"] = base64(one.payload);
  return line_of(object);
}

std::string end_line(std::uint64_t entries) {
  return line_of({{"end", true}, {"entries", entries}});
}

StoreLines::StoreLines(std::istream& input, std::string name) : input_(input), name_(std::move(name)) {
  const auto line = read_line();
  const json object = line ? parse_json(*line, kMaxStoreLineBytes) : json();
  try {
    if (!object.is_object() || field<std::string>(object, "millrace", kFormat) != kFormat) {
      throw std::runtime_error("expected the first line of a file of millrace store export");
    }
    if (field<std::uint64_t>(object, "format", "a number") > kFormatVersion) {
      throw std::runtime_error("format: a newer version of Millrace wrote the file; import it with that version");
    }
    store_.epoch = field<std::string>(object, "epoch", "letters and digits");
    store_.oldest = field<std::uint64_t>(object, "oldest", "a number");
    store_.head = field<std::uint64_t>(object, "head", "a number");
    if (store_.head > kMaxHead) throw std::runtime_error("head: expected a number below 2^62");
  } catch (const std::runtime_error& failure) {
    fail(failure.what());
  }
}

std::optional<StoreAccess::Entry> StoreLines::next() {
  const auto line = read_line();
  if (!line) fail("the last line, with the number of entries, is missing: the file was cut off");
  const json object = parse_json(*line, kMaxStoreLineBytes);
  try {
    if (!object.is_object()) throw std::runtime_error("expected a JSON object");
    if (object.contains("end")) {
      if (field<std::uint64_t>(object, "entries", "a number") != entries_) {
        throw std::runtime_error("entries: differs from the number in the file, " + std::to_string(entries_));
      }
      if (read_line()) throw std::runtime_error("expected nothing after the last line");
      return std::nullopt;
    }
    StoreAccess::Entry entry = entry_in(object, store_.epoch);
    const std::uint64_t sequence = entry.entry.sequence;
    if (sequence <= last_) throw std::runtime_error("sequence: expected one after " + std::to_string(last_));
    if (sequence > store_.head) throw std::runtime_error("sequence: beyond the head in the first line");
    if (sequence < store_.oldest && !entry.is_retained) {
      throw std::runtime_error("sequence: before the oldest in the first line, and not retained");
    }
    last_ = sequence;
    ++entries_;
    return entry;
  } catch (const std::runtime_error& failure) {
    fail(failure.what());
  }
}

// Without the line end; nothing at the end of the input.
std::optional<std::string> StoreLines::read_line() {
  std::string line;
  std::streambuf& buffer = *input_.rdbuf();
  int c = buffer.sbumpc();
  if (c == std::char_traits<char>::eof()) return std::nullopt;
  ++line_;
  for (; c != std::char_traits<char>::eof() && c != '\n'; c = buffer.sbumpc()) {
    if (line.size() == kMaxStoreLineBytes) {
      fail("longer than " + std::to_string(kMaxStoreLineBytes) + " bytes");
    }
    line += static_cast<char>(c);
  }
  return line;
}

void StoreLines::fail(const std::string& problem) const {
  throw std::runtime_error(name_ + ":" + std::to_string(line_) + ": " + problem);
}

}  // namespace millrace::cli
