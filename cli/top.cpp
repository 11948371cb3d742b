#include "top.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "admin_client.h"
#include "parse_json.h"
#include "terminal_text.h"

namespace millrace::cli {

namespace {

using Samples = std::map<std::string, double, std::less<>>;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kRows = 10;  // of each list

struct TopOptions {
  AdminOptions admin;
  double interval_seconds = 2;
  bool once = false;
};

// What there is at one moment.
struct View {
  Samples samples;
  nlohmann::json subscriptions;
  Clock::time_point at;
};

View look(AdminClient& client) {
  View view{.samples = samples_in(client.get("/metrics")), .subscriptions = {}, .at = Clock::now()};
  view.subscriptions = parse_json(client.get("/subscriptions"));
  if (!view.subscriptions.is_array()) view.subscriptions = nlohmann::json::array();
  return view;
}

double value(const View& view, std::string_view name) {
  const auto found = view.samples.find(name);
  return found == view.samples.end() ? 0 : found->second;
}

// A second, between two views.
double rate(const View& now, const std::optional<View>& before, std::string_view name) {
  const double seconds = std::chrono::duration<double>(now.at - before->at).count();
  return seconds > 0 ? std::max(0.0, value(now, name) - value(*before, name)) / seconds : 0;
}

// 12.3k
std::string short_number(double number, const char* unit = "") {
  constexpr const char* kSteps[] = {"", "k", "M", "G", "T"};
  std::size_t step = 0;
  while (number >= 1000 && step + 1 < std::size(kSteps)) {
    number /= 1000;
    ++step;
  }
  char text[32];
  std::snprintf(text, sizeof text, step == 0 && number == std::trunc(number) ? "%.0f%s%s" : "%.1f%s%s", number,
                kSteps[step], unit);
  return text;
}

std::string text_in(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>()) : std::string();
}

std::string summary(const View& now, const std::optional<View>& before) {
  const auto show = [&](const char* name) { return short_number(value(now, name)); };
  const auto bytes = [&](const char* name) { return short_number(value(now, name), "B"); };
  // With the first view: so far.
  const auto each_second = [&](const char* name, const char* unit = "") {
    return before ? short_number(rate(now, before, name), unit) + "/s" : short_number(value(now, name), unit);
  };
  std::string text = "streams      " + show("millrace_streams") + " open, " + show("millrace_catching_up_subscribers") +
                     " catching up, on " + show("millrace_connections") + " connections\n";
  text += "events       " + each_second("millrace_publishes_total") + " published, " +
          each_second("millrace_deliveries_total") + " delivered, " +
          each_second("millrace_delivered_bytes_total", "B") + (before ? "\n" : " so far\n");
  text += "log          " + show("millrace_log_entries") + " events, " + bytes("millrace_log_bytes") +
          "; kept for slow clients " + bytes("millrace_pinned_bytes") + ", cut " +
          show("millrace_cut_subscribers_total") + "; gaps " + show("millrace_gaps_total") + "\n";
  if (now.samples.contains("millrace_store_up")) {
    text += std::string("store        ") +
            (value(now, "millrace_store_up") > 0 ? "accepts events" : "ACCEPTS NO EVENTS") + ", " +
            show("millrace_store_entries") + " events, " + bytes("millrace_store_bytes") + ", " +
            each_second("millrace_store_commits_total") + " commits\n";
  }
  const std::string cpu = before ? short_number(100 * rate(now, before, "process_cpu_seconds_total"), "%")
                                 : short_number(value(now, "process_cpu_seconds_total"), "s");
  text += "process      " + cpu + " CPU, " + bytes("process_resident_memory_bytes") + ", " + show("process_open_fds") +
          " of " + show("process_max_fds") + " descriptors\n";
  return text;
}

// The refusals with most a second; in all with the first view.
std::string refusals(const View& now, const std::optional<View>& before) {
  constexpr std::string_view kName = "millrace_refusals_total{";
  std::vector<std::pair<double, std::string>> rows;
  for (auto one = now.samples.lower_bound(kName); one != now.samples.end() && one->first.starts_with(kName); ++one) {
    const double count = before ? rate(now, before, one->first) : one->second;
    if (count > 0) rows.emplace_back(count, one->first.substr(kName.size(), one->first.size() - kName.size() - 1));
  }
  std::sort(rows.rbegin(), rows.rend());
  if (rows.size() > kRows) rows.resize(kRows);
  std::string text;
  for (const auto& [count, labels] : rows) {
    text += "refused      " + short_number(count) + (before ? "/s " : " ") + printable(labels) + "\n";
  }
  return text;
}

std::string topics(const View& now) {
  std::map<std::string, std::size_t> streams;
  for (const auto& one : now.subscriptions) {
    if (!one.is_object() || !one.contains("topics") || !one["topics"].is_array()) continue;
    for (const auto& topic : one["topics"]) {
      if (topic.is_string()) ++streams[topic.get<std::string>()];
    }
  }
  std::vector<std::pair<std::size_t, std::string>> rows;
  rows.reserve(streams.size());
  for (const auto& [topic, count] : streams) rows.emplace_back(count, topic);
  std::sort(rows.rbegin(), rows.rend());
  if (rows.size() > kRows) rows.resize(kRows);
  std::string text = "\nSTREAMS  TOPIC\n";
  for (const auto& [count, topic] : rows) {
    const std::string shown = short_number(static_cast<double>(count));
    text += shown + std::string(9 - std::min<std::size_t>(8, shown.size()), ' ') + printable(topic) + "\n";
  }
  return text;
}

// Those that are catching up, the longest open first.
std::string slow_readers(const View& now) {
  std::vector<const nlohmann::json*> rows;
  for (const auto& one : now.subscriptions) {
    if (one.is_object() && one.contains("live") && one["live"] == false) rows.push_back(&one);
  }
  const auto age = [](const nlohmann::json* one) { return one->value("ageMs", std::int64_t{0}); };
  std::sort(rows.begin(), rows.end(), [&](const auto* a, const auto* b) { return age(a) > age(b); });
  if (rows.size() > kRows) rows.resize(kRows);
  if (rows.empty()) return {};
  std::string text = "\nCATCHING UP\n";
  for (const auto* one : rows) {
    text += text_in(*one, "address") + " " + text_in(*one, "user") + " " + text_in(*one, "client") + " open for " +
            std::to_string(age(one) / 1000) + " s\n";
  }
  return text;
}

int top(const TopOptions& options) {
  AdminClient client(options.admin);
  const bool is_terminal = isatty(STDOUT_FILENO) == 1 && !options.once;
  std::optional<View> before;
  do {
    View now = look(client);
    const std::string text = summary(now, before) + refusals(now, before) + topics(now) + slow_readers(now);
    if (is_terminal) std::cout << "\x1b[H\x1b[J";
    std::cout << text << std::flush;
    if (!std::cout) return kFailure;
    before = std::move(now);
    if (!options.once) std::this_thread::sleep_for(std::chrono::duration<double>(options.interval_seconds));
  } while (!options.once);
  return kSuccess;
}

}  // namespace

Samples samples_in(std::string_view page) {
  Samples samples;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size());
    const std::string_view line = page.substr(0, end);
    page.remove_prefix(std::min(end + 1, page.size()));
    const std::size_t space = line.rfind(' ');
    if (line.starts_with('#') || space == std::string_view::npos) continue;
    const std::string number(line.substr(space + 1));
    char* read_to = nullptr;
    const double value = std::strtod(number.c_str(), &read_to);
    if (read_to != number.c_str()) samples.emplace(line.substr(0, space), value);
  }
  return samples;
}

void add_top(CLI::App& app, Command& command) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* top_app =
      app.add_subcommand("top", "Show what a running server does: streams, rates, topics, slow readers");
  add_admin_options(*top_app, options->admin);
  top_app->add_option("--interval", options->interval_seconds, "Seconds between two views")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  top_app->add_flag("--once", options->once, "Print one view, with the refusals so far, and end")->configurable(false);
  top_app->callback([options, &command] { command = [options] { return top(*options); }; });
}

}  // namespace millrace::cli
