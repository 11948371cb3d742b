#include "fixture.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace millrace::test {

namespace {

using nlohmann::json;

std::string read_hex_run(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 3) {
    const std::string pair = hex.substr(i, 2);
    const bool is_pair = pair.size() == 2 && pair.find_first_not_of("0123456789ABCDEF") == std::string::npos;
    if (!is_pair || (i + 2 < hex.size() && hex[i + 2] != ' ')) throw std::runtime_error("not a run of bytes: " + hex);
    bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
  }
  return bytes;
}

std::string with_hex_runs_replaced(const std::string& text) {
  std::string bytes;
  std::size_t at = 0;
  for (std::size_t open = text.find('<'); open != std::string::npos; open = text.find('<', at)) {
    const std::size_t close = text.find('>', open);
    if (close == std::string::npos) throw std::runtime_error("< without >: " + text);
    bytes.append(text, at, open - at);
    bytes += read_hex_run(text.substr(open + 1, close - open - 1));
    at = close + 1;
  }
  return bytes.append(text, at);
}

enum class Escapes { kNone, kHexRuns };

std::string join_pieces(const json& pieces, Escapes escapes) {
  std::string joined;
  for (const json& piece : pieces) {
    const auto text = (piece.is_string() ? piece : piece.at("text")).get<std::string>();
    const std::string bytes = escapes == Escapes::kHexRuns ? with_hex_runs_replaced(text) : text;
    const auto times = piece.is_string() ? 1U : piece.at("repeat").get<unsigned>();
    for (unsigned i = 0; i < times; ++i) joined += bytes;
  }
  return joined;
}

std::string expected_text(const json& value) {
  return value.is_array() ? join_pieces(value, Escapes::kNone) : value.get<std::string>();
}

std::string expected_entry(const json& output) {
  if (output.contains("comment")) return comment_entry(expected_text(output.at("comment")));
  if (output.contains("retry")) return retry_entry(output.at("retry").get<std::int64_t>());
  return event_entry(output.at("type").get<std::string>(), expected_text(output.at("data")),
                     output.at("lastEventId").get<std::string>(), output.value("topic", ""),
                     trace_text(output.value("traceparent", ""), output.value("tracestate", "")));
}

Fixture::Connection load_connection(const json& source) {
  Fixture::Connection connection;
  connection.stream = join_pieces(source.at("stream"), Escapes::kHexRuns);
  for (const json& output : source.at("expect")) connection.expected.push_back(expected_entry(output));
  connection.last_event_id = source.at("lastEventId").get<std::string>();
  return connection;
}

}  // namespace

void PrintTo(const Fixture& fixture, std::ostream* out) {
  *out << fixture.file << ".json: " << fixture.name;
}

std::vector<Fixture> load_fixtures(const std::string& folder) {
  std::set<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") paths.insert(entry.path());
  }
  std::vector<Fixture> fixtures;
  for (const auto& path : paths) {
    const json file = json::parse(std::ifstream(path));
    for (const json& source : file.at("cases")) {
      Fixture fixture;
      fixture.file = path.stem().string();
      fixture.name = source.at("name").get<std::string>();
      fixture.initial_last_event_id = source.value("initialLastEventId", "");
      if (source.contains("connections")) {
        for (const json& connection : source.at("connections")) {
          fixture.connections.push_back(load_connection(connection));
        }
      } else {
        fixture.connections.push_back(load_connection(source));
      }
      fixtures.push_back(std::move(fixture));
    }
  }
  return fixtures;
}

}  // namespace millrace::test
