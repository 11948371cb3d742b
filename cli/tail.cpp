#include "tail.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "event_command.h"
#include "millrace/client/event_source.h"
#include "millrace/core/field_value.h"
#include "millrace/core/protocol.h"
#include "millrace/core/topic.h"
#include "output_watch.h"
#include "signal_watch.h"
#include "terminal_text.h"
#include "tls.h"

namespace millrace::cli {

namespace {

struct TailOptions {
  std::string url;
  std::vector<std::string> topics;
  std::vector<std::string> headers;
  std::string since;
  std::uint64_t count = 0;             // 0: no end
  double max_seconds = 0;              // 0: no end
  std::optional<double> idle_seconds;  // not set: from the server's heartbeat
  std::string reconnect = "idempotent";
  std::string command;  // empty: print
  bool json = false;
  bool traces = false;
  bool http2_prior_knowledge = false;
  TlsClientOptions tls;
};

std::string stream_url(const TailOptions& options) {
  Url url = events_url(options.url);
  std::vector<std::string> topics = options.topics;
  if (topics.empty() && url.target == "/events") topics = {"**"};
  for (const std::string& topic : topics) {
    if (!TopicPattern::parse(topic)) {
      throw UsageError("--topic \"" + topic +
                       "\": not a valid topic pattern; expected segments separated by /, such as "
                       "stocks/nasdaq, stocks/* or stocks/**");
    }
    url.target += (url.target.find('?') == std::string::npos ? "?topic=" : "&topic=") + encode_query_value(topic);
  }
  // Only counts for the first request: the header of a reconnection has an ID.
  if (options.since == protocol::kLatest && !topics.empty()) url.target += "&lastEventId=latest";
  return url.text();
}

// https://no-color.org
bool wants_colour() {
  const char* const no_colour = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

// As JSON: the parser outputs only UTF-8.
std::string json_line(const ReceivedEvent& event) {
  nlohmann::ordered_json line;
  if (event.topic) line["topic"] = *event.topic;
  if (!event.further_topics.empty()) {
    line["topic"] = nlohmann::ordered_json::array({*event.topic});
    for (const std::string& topic : event.further_topics) line["topic"].push_back(topic);
  }
  line["type"] = event.type;
  line["id"] = event.last_event_id;
  line["data"] = event.data;
  if (!event.trace.empty()) line["traceparent"] = event.trace.parent();
  if (!event.trace.state().empty()) line["tracestate"] = event.trace.state();
  return printable_json(line.dump());
}

std::string text_line(const ReceivedEvent& event, bool colour) {
  const std::string type = printable(event.type);
  const std::string id = event.last_event_id.empty() ? "-" : printable(event.last_event_id);
  const std::string data = printable(event.data);
  if (!colour) return type + " " + id + " " + data;
  return "\x1b[36m" + type + "\x1b[0m \x1b[2m" + id + "\x1b[0m " + data;
}

Duration milliseconds(double seconds) {
  return std::chrono::ceil<Duration>(std::chrono::duration<double>(seconds));
}

std::unique_ptr<EventSource> make_source(const TailOptions& options) {
  EventSourceOptions source_options;
  source_options.headers = parse_headers(options.headers);
  source_options.last_event_id = options.since;
  source_options.traces = options.traces;
  source_options.tls = options.tls.of_client();
  source_options.http2_prior_knowledge = options.http2_prior_knowledge;
  source_options.policy.retry_on_server_error = true;
  if (options.reconnect == "never") source_options.policy.reconnect = EventSourceState::Reconnect::kNever;
  if (options.idle_seconds) source_options.policy.idle_timeout = milliseconds(*options.idle_seconds);
  try {
    return std::make_unique<EventSource>(stream_url(options), std::move(source_options));
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

// Prints the event, or runs the command for it; throws std::runtime_error if the command fails. False: the output is
// closed.
bool hand_on(const ReceivedEvent& event, const TailOptions& options, bool colour) {
  if (options.command.empty()) {
    std::cout << (options.json ? json_line(event) : text_line(event, colour)) << std::endl;
    return static_cast<bool>(std::cout);
  }
  const std::string json = options.json ? json_line(event) + "\n" : std::string();
  const int code =
      run_command(options.command, {.type = event.type,
                                    .id = event.last_event_id,
                                    .topic = event.topic ? std::string_view(*event.topic) : std::string_view(),
                                    .data = options.json ? json : event.data});
  if (code == 0) return true;
  throw std::runtime_error("the command failed with exit code " + std::to_string(code) +
                           " at the event with the ID \"" + printable(event.last_event_id) + "\"");
}

void check(const TailOptions& options) {
  if (EventId::parse(options.since)) return;
  throw UsageError("--since: expected an event ID without line ends, of at most " + std::to_string(kMaxEventIdBytes) +
                   " bytes");
}

// Instead of CLI11's range check, whose message shows numbers with six decimal places.
std::string check_seconds(const std::string& text) {
  char* end = nullptr;
  const double seconds = std::strtod(text.c_str(), &end);
  const bool valid = end != text.c_str() && *end == '\0' && seconds >= 0.001 && seconds <= 1e8;
  return valid ? "" : "\"" + text + "\": expected seconds, from 0.001 to 100000000";
}

std::string check_idle_seconds(const std::string& text) {
  return text == "0" ? "" : check_seconds(text);
}

int tail(const TailOptions& options) {
  check(options);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.max_seconds));
  const std::unique_ptr<EventSource> source = make_source(options);
  const bool colour = wants_colour();
  bool lost = false;  // only the source's thread uses it
  std::atomic<bool> failed{false};
  std::atomic<bool> opened{false};
  std::atomic<bool> unread{false};

  source->on_open([&] {
    if (lost) std::cerr << (opened ? "millrace: reconnected\n" : "millrace: connected\n");
    lost = false;
    opened = true;
  });
  source->on_error([&](const EventSourceError& error) {
    std::string line = "millrace: " + printable(error.message);
    if (error.will_reconnect) line += "; reconnecting in " + std::to_string(error.reconnect_in.count()) + " ms";
    std::cerr << line + "\n";
    lost = error.will_reconnect;
    const bool is_over = error.status == 204 || error.reason == EventSourceState::Reason::kEndOfStream;
    failed = !error.will_reconnect && !is_over;
  });

  std::signal(SIGPIPE, SIG_IGN);  // a write reports a reader or a command that is gone
  const SignalWatch watch([&] { source->close(); });
  std::optional<OutputWatch> output;
  if (options.command.empty()) {
    output.emplace([&] {
      unread = true;
      source->close();
    });
  }
  for (std::uint64_t handed_on = 0; options.count == 0 || handed_on < options.count; ++handed_on) {
    std::optional<ReceivedEvent> event;
    if (options.max_seconds > 0) {
      const auto left = std::chrono::ceil<Duration>(deadline - Clock::now());
      event = left > Duration{0} ? source->next(left) : std::nullopt;
    } else {
      event = source->next();
    }
    if (unread) return kFailure;
    if (!event) {
      if (source->ready_state() == EventSource::ReadyState::kClosed) return failed ? kFailure : kSuccess;
      if (options.count > 0) return kTimeIsUp;
      return opened ? kSuccess : kFailure;
    }
    if (!hand_on(*event, options, colour)) return kFailure;
  }
  return kSuccess;
}

}  // namespace

void add_tail(CLI::App& app, Command& command) {
  auto options = std::make_shared<TailOptions>();
  CLI::App* tail_app =
      app.add_subcommand("tail", "Print the events of a stream as they arrive, one on each line: type, ID, data");
  tail_app->add_option("URL", options->url, "URL of the stream, or of a Millrace server, such as http://localhost:8080")
      ->required();
  tail_app
      ->add_option("--topic,-t", options->topics,
                   "Subscribe to this topic or pattern; default with a Millrace server: all; can be repeated")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  tail_app
      ->add_option(
          "--since", options->since,
          "Begin after the event with this ID; `earliest`: with the oldest event; `latest`: with the newest event "
          "of each topic")
      ->type_name("ID");
  tail_app->add_option("--count,-n", options->count, "End after N events")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 53))
      ->type_name("N");
  tail_app
      ->add_option("--max-time", options->max_seconds,
                   "End after this time; exit code 3 if fewer events came than --count says, 1 if there was no stream")
      ->check(CLI::Validator(check_seconds, ""))
      ->type_name("SECONDS");
  tail_app
      ->add_option(
          "--exec", options->command,
          "Run this command with sh for each event instead of printing it; its input is the data, and MILLRACE_TYPE, "
          "MILLRACE_ID and MILLRACE_TOPIC are in its environment; tail ends if it fails")
      ->type_name("COMMAND");
  tail_app
      ->add_option(
          "--idle-timeout", options->idle_seconds,
          "Reconnect after this time without a byte; 0: never; default: two and a half heartbeats of a Millrace "
          "server, otherwise never")
      ->check(CLI::Validator(check_idle_seconds, ""))
      ->type_name("SECONDS");
  tail_app
      ->add_option("--reconnect", options->reconnect,
                   "never: end with the first connection; idempotent, always: reconnect when it is lost")
      ->check(CLI::IsMember({"never", "idempotent", "always"}))
      ->type_name("WHEN");
  tail_app->add_option("--header,-H", options->headers, "Send this header; can be repeated")
      ->type_name("\"NAME: VALUE\"")
      ->allow_extra_args(false);
  add_http2_client(*tail_app, options->http2_prior_knowledge);
  add_tls_client(*tail_app, options->tls);
  CLI::Option* const json = tail_app->add_flag(
      "--json", options->json, "Print JSON objects with topic, type, id and data; --exec commands get them as input");
  tail_app
      ->add_flag("--traces", options->traces,
                 "Ask a Millrace server for the traceparent and tracestate of events; they are in the JSON objects")
      ->needs(json);
  tail_app->callback([options, &command] { command = [options] { return tail(*options); }; });
}

}  // namespace millrace::cli
