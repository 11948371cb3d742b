#include "diagnostics.h"

#include <spdlog/spdlog.h>

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "memory_report.h"
#include "thread_report.h"

namespace millrace::cli {

namespace {

using httplib::Request;
using httplib::Response;
using std::chrono::seconds;

constexpr seconds kUsualProfileTime{30};
constexpr char kProfileType[] = "application/octet-stream";

// Names of threads need not be UTF-8.
void answer(Response& response, const nlohmann::ordered_json& body) {
  response.set_content(body.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n', "application/json");
}

void refuse(Response& response, int status, const std::string& sentence) {
  response.status = status;
  answer(response, {{"error", sentence}});
}

// The parameter `seconds`, the only one. Refuses the request if it is wrong.
std::optional<seconds> time_asked_for(const Request& request, Response& response) {
  for (const auto& [name, value] : request.params) {
    if (name == "seconds") continue;
    refuse(response, 400, "\"" + name + "\" is no parameter of a profile; the only one is seconds");
    return std::nullopt;
  }
  if (request.params.empty()) return kUsualProfileTime;
  const std::string& text = request.params.begin()->second;
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (request.params.size() > 1 || error != std::errc() || end != text.data() + text.size() || count < 1 ||
      count > kMaxProfileTime.count()) {
    refuse(response, 400, "seconds: expected one number from 1 to " + std::to_string(kMaxProfileTime.count()));
    return std::nullopt;
  }
  return seconds{count};
}

}  // namespace

void Diagnostics::add_to(Server& listener) {
  const auto add = [&](const char* path, GuardedRoute::Handler handler) {
    // A web page of another origin can make a browser send a GET, and a profile costs CPU time.
    listener.guarded({.method = "GET",
                      .path = path,
                      .changes_things = true,
                      .handler = [handler = std::move(handler)](const Request& request, Response& response) {
                        response.set_header("Cache-Control", "no-store");
                        handler(request, response);
                      }});
  };
  add("/debug/pprof/profile", [this](const Request& request, Response& response) { profile(request, response); });
  add("/debug/memory",
      [this](const Request&, Response& response) { answer(response, memory_report(server_.metrics())); });
  add("/debug/threads", [](const Request&, Response& response) {
    const auto threads = thread_report();
    if (!threads) return refuse(response, 503, "threads: /proc/self/task cannot be read here");
    answer(response, *threads);
  });
}

void Diagnostics::profile(const Request& request, Response& response) {
  const auto time = time_asked_for(request, response);
  if (!time) return;
  if (request.method == "HEAD") return response.set_content("", kProfileType);
  spdlog::info("CPU profile requested: {} s", time->count());
  const CpuProfile profile = profiler_.take(*time);
  switch (profile.outcome) {
    case CpuProfile::Outcome::kTaken:
      response.set_header("Content-Disposition", "attachment; filename=\"millrace.prof\"");
      return response.set_content(profile.text, kProfileType);
    case CpuProfile::Outcome::kBusy:
      response.set_header("Retry-After", std::to_string(profile.free_after.count()));
      return refuse(response, 409, profile.text);
    case CpuProfile::Outcome::kFailed:
      return refuse(response, 503, profile.text);
    case CpuProfile::Outcome::kNotBuilt:
      return refuse(response, 501, profile.text);
  }
}

}  // namespace millrace::cli
