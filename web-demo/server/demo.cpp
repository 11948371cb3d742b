#include "demo.h"

#include <charconv>
#include <system_error>
#include <thread>
#include <utility>

#include "json_response.h"
#include "millrace/core/protocol.h"

namespace millrace::demo {

namespace {

constexpr std::chrono::milliseconds kFeedBeat{10};
constexpr std::chrono::milliseconds kGuestsLook{500};
constexpr std::chrono::seconds kGaugesBeat{1};
constexpr std::chrono::milliseconds kCutPatience{500};
constexpr std::chrono::milliseconds kCutLook{2};
constexpr int kLongestSilence = 60;  // seconds

}  // namespace

Demo::Demo(Server& server, DemoAccess access, std::uint64_t seed)
    : server_(server),
      market_(seed),
      newsroom_(seed),
      connections_(server),
      answers_(server, access),
      gauges_(server),
      feed_(kFeedBeat, [this] { publish_due(); }),
      gauging_(kGaugesBeat, [this] {
        if (server_.is_running()) publish(server_.hub(), gauges_.read(wall_clock()));
      }) {
  add_routes(access);
}

void Demo::add_routes(DemoAccess access) {
  const auto add = [&](const char* path, httplib::Server::Handler handler, const char* method = "POST") {
    server_.guarded(
        {.method = method, .path = path, .right = right_to_administer(access), .handler = std::move(handler)});
  };
  add("/demo/cut", [this](const httplib::Request& request, httplib::Response& response) {
    if (!request.has_param("client")) {
      return refuse(response, 400, "client: missing; add the client whose event streams to cut, such as ?client=NAME");
    }
    respond(response, 200, {{"cut", cut(request.get_param_value("client"))}});
  });
  add("/demo/kick", [this](const httplib::Request& request, httplib::Response& response) {
    if (!request.has_param("client")) {
      return refuse(response, 400, "client: missing; add the client whose event streams to end, such as ?client=NAME");
    }
    const std::size_t kicked = kick(request.get_param_value("client"));
    if (kicked == 0) {
      return refuse(response, 404,
                    "client: has no open stream now; a client that polls has one only now and then, so try again");
    }
    respond(response, 200, {{"kicked", kicked}});
  });
  add("/demo/silence", [this](const httplib::Request& request, httplib::Response& response) {
    silence(request.get_param_value("client"), request.get_param_value("seconds"), response);
  });
  add("/demo/name", [this](const httplib::Request& request, httplib::Response& response) {
    const std::string error = guests_.rename(request.get_param_value("client"), request.get_param_value("name"));
    if (!error.empty()) return refuse(response, 400, error);
    response.status = 204;
  });
  add(
      "/demo/connection",
      [this](const httplib::Request& request, httplib::Response& response) {
        if (!request.has_param("client")) {
          return refuse(response, 400,
                        "client: missing; add the client whose connection to look at, such as ?client=NAME");
        }
        respond(response, 200, {{"streams", connections_.streams_beside(request.get_param_value("client"))}});
      },
      "GET");
  // Before the events route, which has no silence.
  server_.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    return answer_silently(request, response) ? httplib::Server::HandlerResponse::Handled
                                              : httplib::Server::HandlerResponse::Unhandled;
  });
}

// A client that polls has a stream only from time to time.
std::size_t Demo::until_there_is_one(const std::function<std::size_t()>& disconnect) {
  const Clock::time_point deadline = Clock::now() + kCutPatience;
  std::size_t count = disconnect();
  for (; count == 0 && Clock::now() < deadline; count = disconnect()) std::this_thread::sleep_for(kCutLook);
  return count;
}

std::size_t Demo::cut(const std::string& client) {
  return until_there_is_one([&] { return server_.disconnect(client); });
}

std::size_t Demo::kick(const std::string& client) {
  return until_there_is_one([&] { return server_.disconnect({.client = client}, {.for_good = true}); });
}

void Demo::silence(const std::string& client, const std::string& seconds, httplib::Response& response) {
  int length = 0;
  const auto [end, error] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), length);
  if (client.empty()) return refuse(response, 400, "client: missing");
  if (error != std::errc{} || end != seconds.data() + seconds.size() || length < 1 || length > kLongestSilence) {
    return refuse(response, 400, "seconds: must be 1 to " + std::to_string(kLongestSilence));
  }
  {
    const MutexLock lock(mutex_);
    if (silenced_.size() >= kMaxSilenced) return refuse(response, 503, "client: too many clients are silenced");
    silenced_[client].until = Clock::now() + std::chrono::seconds(length);
  }
  respond(response, 200, {{"silenced", server_.disconnect(client)}});
}

bool Demo::answer_silently(const httplib::Request& request, httplib::Response& response) {
  if (request.method != "GET" || request.path != "/events") return false;
  connections_.note(request);
  const MutexLock lock(mutex_);
  const auto silence = silenced_.find(request.get_param_value("client"));
  if (silence == silenced_.end()) return false;
  if (!server_.admits(request, response)) return true;
  // Silent only after the first block: a client blames a proxy for a stream that does not even begin.
  const EventStream& stream = silence->second.streams.emplace_back(server_.open_stream(request, response));
  stream.send({.type = EventType(protocol::kCursorEventType)});
  return true;
}

void Demo::publish_due() {
  const Clock::time_point now = Clock::now();
  const std::int64_t time = wall_clock();
  Hub& hub = server_.hub();
  const double elapsed = std::chrono::duration<double>(now - std::exchange(published_at_, now)).count();
  for (std::size_t due = market_.due(elapsed); due > 0; --due) publish(hub, market_.next(time));
  if (now >= headline_at_) {
    publish(hub, newsroom_.headline(time));
    headline_at_ = now + std::chrono::milliseconds(newsroom_.until_headline());
  }
  if (now >= remark_at_) {
    publish(hub, newsroom_.remark(time));
    remark_at_ = now + std::chrono::milliseconds(newsroom_.until_remark());
  }
  if (now >= looked_at_ && server_.is_running()) {
    if (const auto change = guests_.look(server_.subscriptions(), now)) publish(hub, *change);
    looked_at_ = now + kGuestsLook;
  }
  end_silence(now);
}

void Demo::end_silence(Clock::time_point now) {
  std::map<std::string, Silence> over;  // destroyed without the lock, which ends the streams
  const MutexLock lock(mutex_);
  for (auto silence = silenced_.begin(); silence != silenced_.end();) {
    const auto current = silence++;
    if (now >= current->second.until) over.insert(silenced_.extract(current));
  }
}

}  // namespace millrace::demo
