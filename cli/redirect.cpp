#include "redirect.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "thread_name.h"

namespace millrace::cli {

namespace {

// The host of a Host header, which the server has checked.
std::string host_of(const std::string& field) {
  const std::size_t from = field.starts_with('[') ? field.find(']') : 0;
  return field.substr(0, std::min(field.find(':', from), field.size()));
}

void refuse(httplib::Response& response, int status, const char* sentence) {
  response.status = status;
  response.set_content(nlohmann::json{{"error", sentence}}.dump() + '\n', "application/json");
}

}  // namespace

Redirect::Redirect(int https_port, std::vector<std::string> allowed_hosts)
    : server_({.threads = {.workers = 1, .loops = 1}}) {
  const std::string port = https_port == 443 ? std::string() : ":" + std::to_string(https_port);
  server_.set_pre_routing_handler([port, hosts = std::move(allowed_hosts)](const auto& request, auto& response) {
    const std::string host = host_of(request.get_header_value("Host"));
    if (host.empty()) {
      refuse(response, 400, "Host: missing; this port redirects to https, and needs the name to redirect to");
    } else if (!hosts.empty() && std::find(hosts.begin(), hosts.end(), host) == hosts.end()) {
      refuse(response, 421, "Host: not a name of this server (--allowed-host); this port redirects to https");
    } else if (!request.target.starts_with('/')) {
      refuse(response, 400, "this port redirects paths to https, and this request has none");
    } else {
      response.status = 308;  // the method and the body stay as they are
      response.set_header("Location", "https://" + host + port + request.target);
    }
    return httplib::Server::HandlerResponse::Handled;
  });
}

void Redirect::start() {
  thread_ = std::thread([this] {
    name_this_thread("millrace-https");
    server_.listen_after_bind();
  });
}

Redirect::~Redirect() {
  server_.stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace millrace::cli
