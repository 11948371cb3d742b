// CrossOrigin: which web pages of other origins may read the server's answers and change things, and the response
// headers for that. (CORS, [Fetch 3.2].) Any thread; the rules may change while requests are answered.
#pragma once

#include <httplib.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/server/options.h"
#include "mutex.h"

namespace millrace {

class CrossOrigin {
 public:
  /// Throws InvalidOption if an origin or a header's name is malformed.
  explicit CrossOrigin(const ServerOptions::Cors& options);

  /// Takes other rules from now on. Throws like the constructor, and then keeps the old ones.
  void change(const ServerOptions::Cors& options);

  /// Whether a page may make the server change something. A browser sends cookies also for pages of other origins
  /// (CSRF), but names the page's origin.
  bool may_change_things(const httplib::Request& request) const;

  /// Whether a page may send preflight requests.
  bool may_ask(const httplib::Request& request) const;

  /// Sets the headers by which a browser lets a page read the answer; replaces existing ones.
  void add_to(const httplib::Request& request, httplib::Response& response) const;

  /// The same as lines of a response's head, each with its CRLF. `origin` is the request's; empty if it has none or was
  /// not read: then the lines allow `*` if that is configured, otherwise the listed origin if there is only one.
  std::string lines_for(std::string_view origin) const;

  /// The headers a page may send, as a preflight request is answered.
  std::string allowed_headers() const { return rules()->allowed_headers; }

 private:
  using Fields = std::vector<std::pair<const char*, std::string>>;

  struct Rules {
    explicit Rules(const ServerOptions::Cors& options);
    bool is_listed(std::string_view origin) const;

    std::vector<std::string> origins;
    bool any_origin;
    std::string allowed_headers;
  };

  std::shared_ptr<const Rules> rules() const;
  static Fields fields_for(const Rules& rules, std::string_view origin);
  Fields fields_for(std::string_view origin) const { return fields_for(*rules(), origin); }

  mutable Mutex mutex_;
  std::shared_ptr<const Rules> rules_ GUARDED_BY(mutex_);
};

/// The value of the Origin field in a head that may be incomplete; empty if there is not exactly one such field.
std::string origin_in(std::string_view head);

}  // namespace millrace
