// HostLookups: looks up the names that libcurl needs for one connection: the server's or the proxy's.
//
// libcurl does not say in advance which names it needs: that depends on the environment and the kind of proxy. So the
// transfer starts, is stopped when libcurl begins a lookup, and starts again once the name has been found, until no
// name is missing.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "millrace/client/options.h"
#include "millrace/client/url.h"
#include "name_lookup.h"

namespace millrace {

class HostLookups {
 public:
  /// `options` must outlive it.
  explicit HostLookups(const EventSourceOptions& options) : options_(options) {}

  /// Begins a connection to this URL.
  void begin(const Url& url);
  /// Passes the addresses found to the transfer. Call it each time before the transfer is added to its loop.
  void prepare(CURL* easy);
  /// Whether that transfer has ended because a name must be looked up first.
  bool is_wanted() const { return refused_; }

  enum class State { kUnderWay, kDone, kFailed };
  /// Looks up the name for which the transfer `easy` has ended with `code`. kDone: start the transfer again. The loop's
  /// turn() calls `changed` when handle_timeout() has something to do.
  State look_up(CURL* easy, CURLcode code, CurlMulti& loop, std::function<void()> changed);
  bool active() const { return lookup_ != nullptr; }
  /// When to call handle_timeout(), while active.
  TimePoint deadline() const { return lookup_->deadline(); }
  State handle_timeout(bool too_late);
  /// The failure, as a libcurl code.
  CURLcode failure() const { return failure_; }

  /// Cancels the current lookup; false if no lookup is running.
  bool stop() { return std::exchange(lookup_, nullptr) != nullptr; }

 private:
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  static int on_lookup(void*, void*, void* self);

  const EventSourceOptions& options_;
  Url url_;
  std::vector<std::string> found_;  // `host:port:addresses`, in libcurl's notation
  std::unique_ptr<curl_slist, FreeList> list_;

  // Counts of the lookups that libcurl begins, even of addresses; libcurl does not say of which names.
  int seen_ = 0;
  int let_pass_ = 0;
  bool refused_ = false;
  bool knows_proxy_ = false;  // the proxy's address, if there is a proxy

  std::string name_;  // `host:port` of the current lookup
  std::unique_ptr<NameLookup> lookup_;
  CURLcode failure_ = CURLE_OK;
};

}  // namespace millrace
