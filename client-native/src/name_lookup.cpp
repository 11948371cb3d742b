#include "name_lookup.h"

#include <ares.h>

#include <new>
#include <utility>

#include "clock.h"
#include "portable_calls.h"

namespace millrace {

namespace {

void set_up_ares() {
  static const int kStatus = ares_library_init(ARES_LIB_INIT_ALL);
  if (kStatus != ARES_SUCCESS) throw std::bad_alloc();
}

std::string text_of(const ares_addrinfo_node& node) {
  char text[INET6_ADDRSTRLEN] = "";
  if (node.ai_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(node.ai_addr)->sin_addr, text, sizeof text);
  } else if (node.ai_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(node.ai_addr)->sin6_addr, text, sizeof text);
    return std::string("[").append(text).append("]");  // GCC 12 warns of a sum of texts
  }
  return text;
}

}  // namespace

NameLookup::NameLookup(CurlMulti& loop, const std::string& host, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)) {
  set_up_ares();
  ares_options options{};
  options.sock_state_cb = [](void* self, ares_socket_t socket, int readable, int writable) {
    on_socket(self, static_cast<int>(socket), readable, writable);
  };
  options.sock_state_cb_data = this;
  if (ares_init_options(&channel_, &options, ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) throw std::bad_alloc();
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, &NameLookup::on_answer, this);
}

NameLookup::~NameLookup() {
  ares_destroy(channel_);
}

bool NameLookup::is_needless(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1 ||
         host == "localhost" || host.ends_with(".localhost");
}

TimePoint NameLookup::deadline() const {
  if (done_) return now();
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) return TimePoint::max();
  // Rounded up: a call that is too early would do nothing.
  return now() + Duration{left.tv_sec * 1'000 + left.tv_usec / 1'000 + 1};
}

void NameLookup::handle_timeout() {
  if (!done_) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void NameLookup::handle_socket(int socket, std::uint32_t events) {
  const bool readable = (events & (Ready::kInput | Ready::kError | Ready::kHangUp)) != 0;
  const bool writable = (events & Ready::kOutput) != 0;
  const auto handle = static_cast<ares_socket_t>(socket);
  ares_process_fd(channel_, readable ? handle : ARES_SOCKET_BAD, writable ? handle : ARES_SOCKET_BAD);
  changed_();
}

void NameLookup::on_socket(void* self, int socket, int readable, int writable) {
  auto& lookup = *static_cast<NameLookup*>(self);
  lookup.loop_.watch_for(lookup, socket, (readable != 0 ? Ready::kInput : 0) | (writable != 0 ? Ready::kOutput : 0));
}

void NameLookup::on_answer(void* self, int status, int, ares_addrinfo* answer) {
  if (status == ARES_EDESTRUCTION) return;
  auto& lookup = *static_cast<NameLookup*>(self);
  lookup.done_ = true;
  if (status != ARES_SUCCESS) return;
  for (const ares_addrinfo_node* node = answer->nodes; node != nullptr; node = node->ai_next) {
    const std::string text = text_of(*node);
    if (text.empty()) continue;
    lookup.addresses_ += (lookup.addresses_.empty() ? "" : ",") + text;
  }
  ares_freeaddrinfo(answer);
}

}  // namespace millrace
