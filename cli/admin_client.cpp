#include "admin_client.h"

#include <sys/socket.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "command.h"
#include "parse_json.h"
#include "terminal_text.h"

namespace millrace::cli {

namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::chrono::seconds kPatience{10};

// `events`: of the events route, which the address of --admin-listen does not have.
std::string describe(const httplib::Response& response, bool events) {
  const auto body = parse_json(response.body);
  std::string sentence = "the server answered " + std::to_string(response.status);
  if (body.is_object() && body.contains("error") && body["error"].is_string()) {
    sentence += ": " + printable(body["error"].get<std::string>());
  }
  if (response.status == 401 || response.status == 403) {
    sentence += "; send an admin key (--header \"Authorization: Bearer KEY\"), or ask the address of --admin-listen";
  } else if (response.status == 404) {
    sentence += events ? "; ask the server's main port" : "; with --admin-listen, ask that address";
  }
  return sentence;
}

}  // namespace

void add_admin_options(CLI::App& app, AdminOptions& options, const char* url) {
  app.add_option("URL", options.url, url)->required();
  app.add_option("--header,-H", options.headers, "Send this header; can be repeated")
      ->type_name("\"NAME: VALUE\"")
      ->allow_extra_args(false);
  add_tls_client(app, options.tls);
}

AdminClient::AdminClient(const AdminOptions& options) : name_(options.url) {
  for (const auto& [name, value] : parse_headers(options.headers)) headers_.emplace(name, value);
  if (options.url.starts_with(kUnix)) {
    client_ = std::make_unique<httplib::Client>(options.url.substr(kUnix.size()), 80);
    client_->set_address_family(AF_UNIX);
    headers_.emplace("Host", "localhost");
  } else {
    client_ = std::make_unique<httplib::Client>(events_url(options.url).origin());
    if (!options.tls.ca_file.empty()) client_->set_ca_cert_path(options.tls.ca_file);
    client_->enable_server_certificate_verification(!options.tls.insecure);
  }
  client_->set_keep_alive(true);
  client_->set_connection_timeout(kPatience);
  client_->set_read_timeout(kPatience);
}

std::string AdminClient::body_of(const httplib::Result& result, bool events) const {
  if (!result) {
    const bool is_closed = result.error() == httplib::Error::Connection;
    throw std::runtime_error("cannot reach " + printable(name_) + ": " +
                             (is_closed ? "no server answers there" : httplib::to_string(result.error())));
  }
  if (result->status != 200) throw std::runtime_error(describe(*result, events));
  return result->body;
}

std::string AdminClient::get(const std::string& target) {
  return body_of(client_->Get(target, headers_), target.starts_with("/events"));
}

std::string AdminClient::post(const std::string& target, const std::string& json) {
  return body_of(client_->Post(target, headers_, json, "application/json"), false);
}

int AdminClient::status_of(const std::string& target) {
  const httplib::Result result = client_->Get(target, headers_);
  return result ? result->status : 0;
}

}  // namespace millrace::cli
