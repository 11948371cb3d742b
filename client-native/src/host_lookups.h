// HostLookups: what libcurl has to look up to make one connection, the server's name or its proxy's, done by us.
//
// libcurl refuses to say beforehand which names it will want: that hangs on the environment and the kind of proxy. So
// it is let try, is stopped where it would begin to look one up, and sent again once that has been found, for as long
// as there are more.
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
  /// `options` outlive it.
  explicit HostLookups(const EventSourceOptions& options) : options_(options) {}

  /// A connection to there is to be made.
  void begin(const Url& url);
  /// Tells the transfer what has been found. Before it is added to its loop, each time.
  void prepare(CURL* easy);
  /// Whether that transfer has ended since a name must be looked up first.
  bool is_wanted() const { return refused_; }

  enum class Progress { kUnderWay, kDone, kFailed };
  /// Looks up the name for which the transfer has ended with `code`. Done: it is to be sent again. `changed` is called
  /// from the loop's turn() when handle_timeout() has something to do.
  Progress look_up(CURLcode code, CurlMulti& loop, std::function<void()> changed);
  bool active() const { return lookup_ != nullptr; }
  /// When handle_timeout() is to be called, while active.
  TimePoint deadline() const { return lookup_->deadline(); }
  Progress handle_timeout(bool too_late);
  /// What has failed, in libcurl's words.
  CURLcode failure() const { return failure_; }

  /// Drops the lookup under way; false if there is none.
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

  // libcurl asks before each lookup, also that of an address, and does not say of what.
  int seen_ = 0;
  int let_pass_ = 0;
  bool refused_ = false;

  std::string name_;  // `host:port`, of the lookup under way
  std::unique_ptr<NameLookup> lookup_;
  CURLcode failure_ = CURLE_OK;
};

}  // namespace millrace
