// CrossOrigin: which web pages of other origins may read the server's answers and change things, and the response
// headers for that. (CORS, [Fetch 3.2].) Any thread.
#pragma once

#include <httplib.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/options.h"

namespace millrace {

class CrossOrigin {
 public:
  /// Throws InvalidOption if an origin or a header's name is malformed.
  explicit CrossOrigin(const ServerOptions& options);

  /// Whether a page may make the server change something. A browser sends cookies also for pages of other origins
  /// (CSRF), but names the page's origin.
  bool may_change_things(const httplib::Request& request) const;

  /// Whether a page may send preflight requests.
  bool may_ask(const httplib::Request& request) const;

  /// Sets the headers by which a browser lets a page read the answer; replaces existing ones.
  void add_to(const httplib::Request& request, httplib::Response& response) const;

  /// The same as lines of a response's head, each with its CRLF. `origin` is the request's; empty if the request has
  /// none or was not read: then the lines allow `*`, if that is configured.
  std::string lines_for(std::string_view origin) const;

  /// The headers a page may send, as a preflight request is answered.
  const std::string& allowed_headers() const { return allowed_headers_; }

 private:
  using Fields = std::vector<std::pair<const char*, std::string>>;

  bool is_listed(std::string_view origin) const;
  Fields fields_for(std::string_view origin) const;

  const std::vector<std::string> origins_;
  const bool any_origin_;
  std::string allowed_headers_;
};

/// The value of the Origin field in a head that may be incomplete; empty if there is not exactly one such field.
std::string origin_in(std::string_view head);

}  // namespace millrace
