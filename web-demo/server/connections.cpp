#include "connections.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "millrace/server/limits.h"

namespace millrace::demo {

void Connections::note(const httplib::Request& request) {
  const std::string client = request.get_param_value("client");
  if (client.empty() || client.size() > kMaxClientNameBytes) return;
  const MutexLock lock(mutex_);
  if (peers_.size() >= kMaxClients && !peers_.contains(client)) forget_gone();
  if (peers_.size() >= kMaxClients && !peers_.contains(client)) return;
  peers_[client] = request.remote_addr + ' ' + std::to_string(request.remote_port);
}

std::size_t Connections::streams_beside(const std::string& client) const {
  const auto open = server_.subscriptions();
  const MutexLock lock(mutex_);
  const auto peer = peers_.find(client);
  if (peer == peers_.end()) return 0;
  return static_cast<std::size_t>(
      std::count_if(open.begin(), open.end(), [&](const SubscriptionInfo& stream) REQUIRES(mutex_) {
        const auto other = peers_.find(stream.client);
        return other != peers_.end() && other->second == peer->second;
      }));
}

void Connections::forget_gone() {
  std::set<std::string, std::less<>> open;
  for (const SubscriptionInfo& stream : server_.subscriptions()) open.insert(stream.client);
  std::erase_if(peers_, [&](const auto& known) { return !open.contains(known.first); });
}

}  // namespace millrace::demo
