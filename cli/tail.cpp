#include "tail.h"

#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "millrace/client/event_source.h"
#include "millrace/core/topic.h"
#include "signal_watch.h"

namespace millrace::cli {

namespace {

struct TailOptions {
  std::string url;
  std::vector<std::string> topics;
  std::vector<std::string> headers;
  std::string since;
  std::uint64_t count = 0;  // 0: no end
  bool json = false;
};

std::string stream_url(const TailOptions& options) {
  Url url = events_url(options.url);
  std::vector<std::string> topics = options.topics;
  if (topics.empty() && url.target == "/events") topics = {"**"};
  for (const std::string& topic : topics) {
    if (!TopicPattern::parse(topic)) {
      throw UsageError("--topic \"" + topic +
                       "\": not a topic pattern; expected segments separated by /, such as "
                       "stocks/nasdaq, stocks/* or stocks/**");
    }
    url.target += (url.target.find('?') == std::string::npos ? "?topic=" : "&topic=") + encode_query_value(topic);
  }
  return url.text();
}

HttpHeaders parse_headers(const std::vector<std::string>& lines) {
  HttpHeaders headers;
  for (const std::string& line : lines) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) throw UsageError("--header \"" + line + R"(": expected "Name: value")");
    const std::size_t value = line.find_first_not_of(' ', colon + 1);
    headers.emplace_back(line.substr(0, colon), value == std::string::npos ? "" : line.substr(value));
  }
  return headers;
}

// On one line, and harmless to a terminal: control characters, of ASCII and of Unicode's second block of them, come as
// escapes.
std::string printable(std::string_view text) {
  std::string result;
  char escape[8];
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte == '\n') {
      result += "\\n";
    } else if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
      std::snprintf(escape, sizeof escape, "\\x%02x", byte);
      result += escape;
    } else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // in UTF-8, two bytes each
      std::snprintf(escape, sizeof escape, "\\u%04x", next);
      result += escape;
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string line_of(const MessageEvent& event, bool json) {
  if (json) {
    return nlohmann::ordered_json{{"type", event.type}, {"id", event.last_event_id}, {"data", event.data}}.dump();
  }
  const std::string_view id = event.last_event_id.empty() ? "-" : event.last_event_id;
  return printable(event.type) + " " + printable(id) + " " + printable(event.data);
}

std::unique_ptr<EventSource> make_source(const TailOptions& options) {
  EventSourceOptions source_options;
  source_options.headers = parse_headers(options.headers);
  source_options.last_event_id = options.since;
  source_options.policy.retry_on_server_error = true;
  try {
    return std::make_unique<EventSource>(stream_url(options), std::move(source_options));
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

int tail(const TailOptions& options) {
  const std::unique_ptr<EventSource> source = make_source(options);
  bool lost = false;
  bool failed = false;
  std::uint64_t printed = 0;

  source->on_open([&] {
    if (lost) std::cerr << "millrace: connected again\n";
    lost = false;
  });
  source->on_any([&](const MessageEvent& event) {
    std::cout << line_of(event, options.json) << std::endl;
    failed = !std::cout;  // nobody reads any more
    if (failed || ++printed == options.count) source->close();
  });
  source->on_error([&](const EventSourceError& error) {
    std::cerr << "millrace: " << error.message;
    if (error.will_reconnect) std::cerr << "; connecting again in " << error.reconnect_in.count() << " ms";
    std::cerr << '\n';
    lost = error.will_reconnect;
    failed = !error.will_reconnect && error.status != 204;
  });

  const SignalWatch watch([&] { source->close(); });
  source->run();
  return failed ? kFailure : kSuccess;
}

}  // namespace

void add_tail(CLI::App& app, Command& command) {
  auto options = std::make_shared<TailOptions>();
  CLI::App* tail_app =
      app.add_subcommand("tail", "Print the events of a stream as they come, one a line: type, ID, data");
  tail_app->add_option("URL", options->url, "Of the stream, or of a Millrace server: http://localhost:8080")
      ->required();
  tail_app
      ->add_option("--topic,-t", options->topics,
                   "Subscribe to this topic or pattern, of a Millrace server by default to all; may be repeated")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  tail_app
      ->add_option("--since", options->since,
                   "Begin after the event with this ID; `earliest`: with the oldest there is")
      ->type_name("ID");
  tail_app->add_option("--count,-n", options->count, "End after so many events")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 53))
      ->type_name("N");
  tail_app->add_option("--header,-H", options->headers, "Send this header; may be repeated")
      ->type_name("\"NAME: VALUE\"")
      ->allow_extra_args(false);
  tail_app->add_flag("--json", options->json, "Print JSON objects with type, id and data");
  tail_app->callback([options, &command] { command = [options] { return tail(*options); }; });
}

}  // namespace millrace::cli
