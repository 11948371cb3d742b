#include "nats_durability.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <string_view>
#include <system_error>

namespace millrace {

namespace {

struct Version {
  int major = 0;
  int minor = 0;
  int patch = 0;
  friend auto operator<=>(const Version&, const Version&) = default;  // NOLINT(modernize-use-nullptr): clang 14 errs
};

// `2.10.27`, and what may follow, as in `2.12.0-RC.1`.
std::optional<Version> version_in(std::string_view text) {
  Version version;
  const char* next = text.data();
  const char* const end = next + text.size();
  for (int* number : {&version.major, &version.minor, &version.patch}) {
    if (number != &version.major && (next == end || *next++ != '.')) return std::nullopt;
    const auto [after, error] = std::from_chars(next, end, *number);
    if (error != std::errc{}) return std::nullopt;
    next = after;
  }
  return version;
}

enum class Verdict : std::uint8_t {
  kRefused,   // the store does not open
  kUnproven,  // nothing is promised that needs several servers, or the disk
  kWarning,   // said, and no more
};

// Versions that are known to lose acknowledged messages, or that were never tried: [from, before).
struct KnownLoss {
  Version from;
  Version before;
  Verdict verdict;
  const char* what;
};
constexpr std::array kKnownLosses = {
    KnownLoss{{0, 0, 0},
              {2, 10, 0},
              Verdict::kUnproven,
              "if a leader is killed or hangs, acknowledged events may be replaced by others"},
    KnownLoss{{2, 10, 0}, {2, 10, 20}, Verdict::kUnproven, "Millrace has not been tested with this version"},
    KnownLoss{{2, 10, 20}, {2, 10, 23}, Verdict::kRefused, "if servers are killed, the whole stream can be lost"},
    KnownLoss{{2, 10, 23},
              {2, 12, 3},
              Verdict::kWarning,
              "if the cluster's members are changed during a partition, acknowledged events can be lost"}};
constexpr const char* kUse = "; use nats-server 2.12.3 or newer, or at least 2.10.23";

const KnownLoss* loss_of(const Version& version) {
  const auto found = std::find_if(kKnownLosses.begin(), kKnownLosses.end(),
                                  [&](const KnownLoss& loss) { return version >= loss.from && version < loss.before; });
  return found == kKnownLosses.end() ? nullptr : &*found;
}

// Whether every server that keeps the stream is among those that sync always.
bool all_sync(const std::vector<NatsServerFacts>& servers, const NatsStreamFacts& stream) {
  const auto syncs = [](const NatsServerFacts& server) { return server.syncs_always == true; };
  if (servers.empty() || !std::all_of(servers.begin(), servers.end(), syncs)) return false;
  return std::all_of(stream.peers.begin(), stream.peers.end(), [&](const std::string& peer) {
    return std::any_of(servers.begin(), servers.end(),
                       [&](const NatsServerFacts& server) { return server.name == peer; });
  });
}

void warn_of_syncing(const std::vector<NatsServerFacts>& servers, std::vector<std::string>& warnings) {
  for (const NatsServerFacts& server : servers) {
    if (!server.syncs_always) {
      warnings.push_back("NATS at " + server.address +
                         ": not known whether it syncs to its disk before it acknowledges; set http_port: 8222 in its "
                         "configuration, so that Millrace can ask it");
    } else if (!*server.syncs_always) {
      warnings.push_back("NATS at " + server.address +
                         ": acknowledges before its disk has an event, so that a power cut can lose acknowledged "
                         "events; set sync_interval: always in its jetstream block");
    }
  }
}

}  // namespace

NatsDurability durability_of(const std::vector<NatsServerFacts>& servers, const NatsStreamFacts& stream) {
  NatsDurability result;
  bool is_proven = !servers.empty();
  for (const NatsServerFacts& server : servers) {
    const auto version = version_in(server.version);
    if (!version) {
      is_proven = false;
      result.warnings.push_back("NATS at " + server.address + ": its version is not known");
      continue;
    }
    const KnownLoss* loss = loss_of(*version);
    if (loss == nullptr) continue;
    std::string sentence =
        "nats-server " + server.version + " at " + server.address + ": " + std::string(loss->what) + kUse;
    if (loss->verdict == Verdict::kUnproven) is_proven = false;
    if (loss->verdict == Verdict::kRefused) {
      result.refusal = std::move(sentence);
    } else {
      result.warnings.push_back(std::move(sentence));
    }
  }
  warn_of_syncing(servers, result.warnings);
  if (!is_proven) return result;
  const bool syncs = all_sync(servers, stream);
  if (stream.replicas > 1) {
    result.level = syncs ? Durability::kQuorumAndDisk : Durability::kQuorum;
  } else if (syncs) {
    result.level = Durability::kDisk;
  }
  return result;
}

}  // namespace millrace
