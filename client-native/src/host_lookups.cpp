#include "host_lookups.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace millrace {

namespace {

std::string without_brackets(const std::string& host) {
  return host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
}

struct HostAndPort {
  std::string host;
  std::uint16_t port = 0;
};

// CURLINFO_USED_PROXY, which headers before libcurl 8.7 do not have.
constexpr auto kUsedProxy = static_cast<CURLINFO>(CURLINFO_LONG + 66);

// Whether the lookup that has ended the transfer may be that of a proxy. Until 8.6 the code says so.
bool goes_through_proxy(CURL* easy, CURLcode code) {
  long used = 0;
  if (curl_easy_getinfo(easy, kUsedProxy, &used) != CURLE_OK) return code == CURLE_COULDNT_RESOLVE_PROXY;
  return used != 0;
}

// The proxy that libcurl would use for the URL, by option or environment; without a host: no proxy.
HostAndPort proxy_of(const EventSourceOptions& options, const Url& url) {
  std::string proxy = options.proxy.value_or("");
  if (!options.proxy) {
    // Not HTTP_PROXY: a CGI program's environment holds the request's `Proxy` header under that name.
    for (const char* name :
         {url.https ? "https_proxy" : "http_proxy", url.https ? "HTTPS_PROXY" : nullptr, "all_proxy", "ALL_PROXY"}) {
      const char* const value = name != nullptr ? std::getenv(name) : nullptr;
      if (value == nullptr) continue;
      proxy = value;
      break;
    }
  }
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  if (!parsed || proxy.empty() ||
      curl_url_set(parsed.get(), CURLUPART_URL, proxy.c_str(), CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) !=
          CURLUE_OK) {
    return {};
  }
  const auto part = [&parsed](CURLUPart which) {
    char* text = nullptr;
    if (curl_url_get(parsed.get(), which, &text, 0) != CURLUE_OK) return std::string();
    std::string copy = text;
    curl_free(text);
    return copy;
  };
  const std::string port = part(CURLUPART_PORT);
  const int standard = part(CURLUPART_SCHEME) == "https" ? 443 : 1080;  // libcurl's
  const int number = port.empty() ? standard : std::atoi(port.c_str());
  return {without_brackets(part(CURLUPART_HOST)), static_cast<std::uint16_t>(number)};
}

}  // namespace

void HostLookups::begin(const Url& url) {
  url_ = url;
  found_.clear();
  let_pass_ = 0;
  knows_proxy_ = false;
}

void HostLookups::prepare(CURL* easy) {
  seen_ = 0;
  refused_ = false;
  std::unique_ptr<curl_slist, FreeList> list;
  for (const std::string& addresses : found_) {
    // With the plus, libcurl forgets the addresses after a minute, like those of its own lookups.
    curl_slist* const longer = curl_slist_append(list.get(), std::string("+").append(addresses).c_str());
    if (longer == nullptr) throw std::bad_alloc();
    [[maybe_unused]] const auto* const same = list.release();
    list.reset(longer);
  }
  curl_easy_setopt(easy, CURLOPT_RESOLVE, list.get());
  curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, &HostLookups::on_lookup);
  curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, this);
  list_ = std::move(list);
}

int HostLookups::on_lookup(void*, void*, void* self) {
  auto& lookups = *static_cast<HostLookups*>(self);
  lookups.refused_ = ++lookups.seen_ > lookups.let_pass_;
  return lookups.refused_ ? 1 : 0;
}

HostLookups::State HostLookups::look_up(CURL* easy, CURLcode code, CurlMulti& loop, std::function<void()> changed) {
  refused_ = false;
  // libcurl looks up the proxy first.
  const bool is_proxys = !knows_proxy_ && goes_through_proxy(easy, code);
  knows_proxy_ = knows_proxy_ || is_proxys;
  failure_ = is_proxys ? CURLE_COULDNT_RESOLVE_PROXY : CURLE_COULDNT_RESOLVE_HOST;
  const HostAndPort wanted = is_proxys ? proxy_of(options_, url_) : HostAndPort{url_.host, url_.port};
  if (NameLookup::is_needless(wanted.host)) {
    ++let_pass_;
    return State::kDone;
  }
  name_ = wanted.host + ":" + std::to_string(wanted.port);
  const bool again = std::any_of(found_.begin(), found_.end(),
                                 [this](const std::string& found) { return found.starts_with(name_ + ":"); });
  if (wanted.host.empty() || again) return State::kFailed;
  lookup_ = std::make_unique<NameLookup>(loop, wanted.host, std::move(changed));
  return State::kUnderWay;
}

HostLookups::State HostLookups::handle_timeout(bool too_late) {
  lookup_->handle_timeout();
  if (!lookup_->done() && !too_late) return State::kUnderWay;
  if (!lookup_->done()) failure_ = CURLE_OPERATION_TIMEDOUT;
  const std::string addresses = lookup_->addresses();
  lookup_.reset();
  if (addresses.empty()) return State::kFailed;
  found_.push_back(name_ + ":" + addresses);
  return State::kDone;
}

}  // namespace millrace
