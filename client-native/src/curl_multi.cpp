#include "curl_multi.h"

#include <algorithm>
#include <new>
#include <utility>

#include "clock.h"
#include "millrace/client/limits.h"
#include "poll_time.h"
#include "portable_calls.h"

namespace millrace {

namespace {

int milliseconds_until(std::optional<TimePoint> deadline) {
  return deadline ? poll_milliseconds(*deadline - now()) : -1;
}

// libcurl must be initialized once, before any thread uses it.
void set_up_curl() {
  static const CURLcode kCode = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kCode != CURLE_OK) throw std::bad_alloc();
}

}  // namespace

CurlMulti::CurlMulti() {
  set_up_curl();
  multi_ = curl_multi_init();
  if (multi_ == nullptr) throw std::bad_alloc();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlMulti::watch);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlMulti::set_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  // Streams on one connection, if the server allows as many.
  curl_multi_setopt(multi_, CURLMOPT_MAX_CONCURRENT_STREAMS, static_cast<long>(kMaxStreamsPerConnection));
}

CurlMulti::~CurlMulti() {
  curl_multi_cleanup(multi_);
  for (auto& [socket, watch] : watches_) unregister_watch(socket, watch);
}

void CurlMulti::add(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &CurlMulti::close_socket);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
  if (curl_multi_add_handle(multi_, easy) != CURLM_OK) throw std::bad_alloc();
}

void CurlMulti::remove(CURL* easy) {
  curl_multi_remove_handle(multi_, easy);
  connecting_.erase(easy);
}

void CurlMulti::turn(std::optional<TimePoint> deadline) {
  if (curl_deadline_ && (!deadline || *curl_deadline_ < *deadline)) deadline = curl_deadline_;
  for (const auto& [tag, ready] : poller_.wait(milliseconds_until(deadline))) {
    const int socket = static_cast<int>(tag);
    const auto watched = watches_.find(socket);
    if (watched != watches_.end() && watched->second.owner != nullptr) {
      watched->second.owner->handle_socket(socket, ready);
      continue;
    }
    if (watched != watches_.end() && (ready & Ready::kInput) != 0) watched->second.heard = now();
    act(static_cast<curl_socket_t>(socket),
        ((ready & Ready::kInput) != 0 ? CURL_CSELECT_IN : 0) | ((ready & Ready::kOutput) != 0 ? CURL_CSELECT_OUT : 0) |
            ((ready & (Ready::kError | Ready::kHangUp)) != 0 ? CURL_CSELECT_ERR : 0));
  }
  if (curl_deadline_ && now() >= *curl_deadline_) {
    curl_deadline_.reset();  // first: the call below may set it again
    act(CURL_SOCKET_TIMEOUT, 0);
  }
}

void CurlMulti::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
}

std::optional<CurlMulti::Finished> CurlMulti::next_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) return Finished{message->easy_handle, message->data.result};
  }
  return std::nullopt;
}

void CurlMulti::wake() noexcept {
  poller_.wake();
}

// --- Sockets ------------------------------------------------------------------------------------------------------

int CurlMulti::watch(CURL* easy, curl_socket_t handle, int what, void* self, void*) {
  auto& multi = *static_cast<CurlMulti*>(self);
  const int socket = static_cast<int>(handle);
  if (what == CURL_POLL_REMOVE) {
    multi.forget_watch(socket);
    return 0;
  }
  WatchedSocket& watch = multi.watches_[socket];
  if (watch.connecting) {
    int& connecting = multi.connecting_.try_emplace(easy, socket).first->second;
    if (connecting == kConnected) {
      multi.unregister_watch(socket, watch);
      watch.connecting = false;
    } else {
      connecting = socket;
    }
  }
  watch.events = ((what & CURL_POLL_IN) != 0 ? Ready::kInput : 0) | ((what & CURL_POLL_OUT) != 0 ? Ready::kOutput : 0);
  return multi.register_watch(socket, watch) ? 0 : -1;
}

curl_socket_t CurlMulti::open_socket(const curl_sockaddr& address) {
  const int opened = millrace::open_socket(address.family, address.socktype, address.protocol);
  if (opened < 0) return CURL_SOCKET_BAD;
  WatchedSocket& watch = watches_[opened];
  unregister_watch(opened, watch);
  watch.connecting = true;
  // libcurl takes this for the closed socket with the same number, which is watched, and will not ask again.
  if (watch.events != 0) register_watch(opened, watch);
  return static_cast<curl_socket_t>(opened);
}

int CurlMulti::close_socket(void* self, curl_socket_t handle) {
  auto& multi = *static_cast<CurlMulti*>(self);
  const int socket = static_cast<int>(handle);
  const auto watched = multi.watches_.find(socket);
  if (watched != multi.watches_.end()) multi.unregister_watch(socket, watched->second);
  return millrace::close_socket(socket);
}

void CurlMulti::connected(CURL* easy) {
  const auto [connecting, is_new] = connecting_.try_emplace(easy, kConnected);
  if (is_new) return;
  const int socket = std::exchange(connecting->second, kConnected);
  const auto watched = watches_.find(socket);
  if (watched == watches_.end() || !std::exchange(watched->second.connecting, false)) return;
  if (watched->second.registered < 0) return;
  unregister_watch(socket, watched->second);
  register_watch(socket, watched->second);
}

void CurlMulti::cut_if_silent_for(int socket, Duration time) {
  const auto watched = watches_.find(socket);
  if (watched != watches_.end() && now() - watched->second.heard >= time) shut_down_socket(socket);
}

void CurlMulti::watch_for(SocketOwner& owner, int socket, std::uint32_t events) {
  if (events == 0) return forget_watch(socket);
  WatchedSocket& watch = watches_[socket];
  if (watch.owner == nullptr) watch = {};
  watch.owner = &owner;
  watch.events = events;
  register_watch(socket, watch);
}

bool CurlMulti::register_watch(int socket, WatchedSocket& watch) {
  const auto tag = static_cast<std::uintptr_t>(socket);
  if (watch.registered >= 0) {
    poller_.modify(watch.registered, watch.events, tag);
    return true;
  }
  // If no descriptor is left for a duplicate, it watches the socket itself.
  const int duplicate = watch.connecting ? duplicate_socket(socket) : -1;
  watch.registered = duplicate >= 0 ? duplicate : socket;
  if (poller_.add(watch.registered, watch.events, tag)) return true;
  if (duplicate >= 0) millrace::close_socket(duplicate);
  watch.registered = -1;
  return false;
}

void CurlMulti::unregister_watch(int socket, WatchedSocket& watch) {
  if (watch.registered < 0) return;
  poller_.remove(watch.registered);
  if (watch.registered != socket) millrace::close_socket(watch.registered);
  watch.registered = -1;
}

void CurlMulti::forget_watch(int socket) {
  const auto watched = watches_.find(socket);
  if (watched == watches_.end()) return;
  unregister_watch(socket, watched->second);
  watches_.erase(watched);
}

int CurlMulti::set_timer(CURLM*, long milliseconds, void* self) {
  auto& deadline = static_cast<CurlMulti*>(self)->curl_deadline_;
  if (milliseconds < 0) {
    deadline.reset();
  } else {
    // Our clock has milliseconds, and libcurl asks only once: a call that is too early would be lost.
    deadline = now() + Duration{milliseconds == 0 ? 0 : milliseconds + 1};
  }
  return 0;
}

}  // namespace millrace
