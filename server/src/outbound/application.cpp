#include "application.h"

#include <exception>
#include <utility>

#include "loop/event_loop.h"
#include "millrace/server/invalid_option.h"

namespace millrace {

namespace {

// Connections that are kept for the next question.
constexpr std::size_t kMostIdle = 4;

constexpr const char* kExpected = "; expected a URL such as http://127.0.0.1:3000/millrace";

std::unique_ptr<httplib::Client> client_for(const std::string& origin) {
  return std::make_unique<httplib::Client>(origin);
}

bool prevents_connecting(httplib::Error error) {
  return error == httplib::Error::Connection || error == httplib::Error::ConnectionTimeout ||
         error == httplib::Error::SSLConnection || error == httplib::Error::SSLServerVerification;
}

}  // namespace

Application::Application(const std::string& option, const std::string& url, Duration timeout) : timeout_(timeout) {
  const std::size_t scheme_end = url.find("://");
  const std::string scheme = url.substr(0, scheme_end == std::string::npos ? 0 : scheme_end);
  if (scheme != "http" && scheme != "https") throw InvalidOption(option, '"' + url + "\" has no scheme" + kExpected);
  const std::size_t path = url.find_first_of("/?#", scheme_end + 3);
  origin_ = url.substr(0, path);
  target_ = path == std::string::npos ? "/" : url.substr(path, url.find('#', path) - path);
  if (target_.empty() || target_.front() != '/') target_.insert(0, "/");
  if (origin_.size() == scheme_end + 3 || origin_.find_first_of("@ \t\r\n", scheme_end) != std::string::npos) {
    throw InvalidOption(option, '"' + url + "\" has no host, or a name and a password" + kExpected);
  }
  if (target_.find_first_of(" \t\r\n") != std::string::npos) {
    throw InvalidOption(option, '"' + url + "\" has a blank" + kExpected);
  }
  try {
    if (!client_for(origin_)->is_valid()) throw InvalidOption(option, '"' + url + "\" is not valid" + kExpected);
  } catch (const InvalidOption&) {
    throw;
  } catch (const std::exception&) {
    throw InvalidOption(option, '"' + url + "\" needs https, for which this build's cpp-httplib has no OpenSSL");
  }
}

Application::~Application() = default;

// One client does one request at a time.
std::unique_ptr<httplib::Client> Application::take_client() {
  {
    const MutexLock lock(mutex_);
    if (!idle_.empty()) {
      auto client = std::move(idle_.back());
      idle_.pop_back();
      return client;
    }
  }
  auto client = client_for(origin_);
  const auto seconds = static_cast<time_t>(timeout_.count() / 1000);
  const auto microseconds = static_cast<time_t>(timeout_.count() % 1000 * 1000);
  client->set_connection_timeout(seconds, microseconds);
  client->set_read_timeout(seconds, microseconds);
  client->set_write_timeout(seconds, microseconds);
  client->set_keep_alive(true);
  return client;
}

void Application::give_back(std::unique_ptr<httplib::Client> client) {
  const MutexLock lock(mutex_);
  if (idle_.size() < kMostIdle) idle_.push_back(std::move(client));
}

std::optional<Application::Answer> Application::post(const std::string& body, httplib::Headers headers,
                                                     Failure& failure) {
  Answer answer;
  httplib::Request request;
  request.method = "POST";
  request.path = target_;
  request.headers = std::move(headers);
  request.headers.emplace("Content-Type", "application/json");
  request.body = body;
  const TimePoint until = monotonic_now() + timeout_;
  bool is_too_long = false;
  // It may not take for ever by sending a byte at a time.
  request.content_receiver = [&](const char* data, std::size_t size, auto, auto) {
    is_too_long = answer.body.size() + size > kMaxApplicationAnswerBytes;
    if (is_too_long || monotonic_now() > until) return false;
    answer.body.append(data, size);
    return true;
  };
  auto client = take_client();
  const auto result = client->send(request);
  if (!result) {
    failure.why = is_too_long ? "its answer has more than " + std::to_string(kMaxApplicationAnswerBytes) + " bytes"
                              : "no answer (" + httplib::to_string(result.error()) + ")";
    failure.is_unreachable = prevents_connecting(result.error());
    return std::nullopt;
  }
  answer.status = result->status;
  answer.cache_control = result->get_header_value("Cache-Control");
  give_back(std::move(client));
  return answer;
}

}  // namespace millrace
