#include "guests.h"

#include <nlohmann/json.hpp>

#include "millrace/server/limits.h"

namespace millrace::demo {

namespace {

// A page that was cut reconnects within this time, and does not count as left.
constexpr std::chrono::seconds kGrace{8};

}  // namespace

std::string Guests::rename(const std::string& client, const std::string& name) {
  if (client.empty() || client.size() > kMaxClientNameBytes) {
    return "client: must have 1 to " + std::to_string(kMaxClientNameBytes) + " bytes";
  }
  if (name.empty() || name.size() > kMaxNameBytes) {
    return "name: must have 1 to " + std::to_string(kMaxNameBytes) + " bytes";
  }
  const MutexLock lock(mutex_);
  const auto known = guests_.find(client);
  if (known == guests_.end() && guests_.size() >= kMaxGuests) return "name: too many guests";
  Guest& guest = known != guests_.end() ? known->second : guests_[client];
  if (known == guests_.end()) guest.seen = std::chrono::steady_clock::now();
  changed_ = changed_ || guest.name != name;
  guest.name = name;
  return {};
}

std::optional<DemoEvent> Guests::look(const std::vector<SubscriptionInfo>& streams,
                                      std::chrono::steady_clock::time_point now) {
  const MutexLock lock(mutex_);
  for (const SubscriptionInfo& stream : streams) {
    const auto guest = guests_.find(stream.client);
    if (guest == guests_.end()) continue;
    guest->second.seen = now;
    if (!std::exchange(guest->second.here, true)) changed_ = true;
  }
  changed_ =
      std::erase_if(guests_, [&](const auto& guest) { return now - guest.second.seen > kGrace; }) > 0 || changed_;
  if (!std::exchange(changed_, false)) return std::nullopt;
  nlohmann::json here = nlohmann::json::array();
  for (const auto& [client, guest] : guests_) {
    if (guest.here) here.push_back(guest.name);
  }
  // The names come from clients and may be invalid UTF-8.
  const std::string data =
      nlohmann::json{{"here", here}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return DemoEvent{.topic = "demo/presence", .type = "presence", .data = data, .retain = true};
}

}  // namespace millrace::demo
