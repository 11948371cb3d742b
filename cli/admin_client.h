// AdminClient: asks a running server for what its operators may know.
#pragma once

#include <httplib.h>

#include <memory>
#include <string>
#include <vector>

#include "tls.h"

namespace millrace::cli {

/// How to reach a server: what all commands for operators have.
struct AdminOptions {
  std::string url;  ///< http://HOST:PORT, https://…, or unix:PATH
  std::vector<std::string> headers;
  TlsClientOptions tls;
};

/// What URL is for a command that an administrator's address answers as well.
inline constexpr const char* kServerOrAdminListen = "The server, or its --admin-listen: http://HOST:PORT or unix:PATH";

/// Adds URL, --header and the options of TLS to a command. `url` says what URL is.
void add_admin_options(CLI::App& app, AdminOptions& options, const char* url = kServerOrAdminListen);

class AdminClient {
 public:
  /// Throws UsageError if the URL or a header is invalid.
  explicit AdminClient(const AdminOptions& options);

  /// The body of the answer. Throws std::runtime_error with what to do if it is not 200.
  std::string get(const std::string& target);
  std::string post(const std::string& target, const std::string& json);
  /// The status of the response; 0 without a response.
  int status_of(const std::string& target);

 private:
  std::string body_of(const httplib::Result& result, bool events) const;

  std::string name_;
  httplib::Headers headers_;
  std::unique_ptr<httplib::Client> client_;
};

}  // namespace millrace::cli
