// What JetStream's acknowledgement is worth, by what is known of the servers. docs/stores.md has the table of versions
// with its sources.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "millrace/server/durability.h"

namespace millrace {

/// What is known of a nats-server.
struct NatsServerFacts {
  std::string address;                    ///< host and port
  std::string name = {};                  ///< its own name; empty: not known
  std::string version = {};               ///< empty: not known
  std::optional<bool> syncs_always = {};  ///< `sync_interval: always`; nothing: not known
};

/// The stream, as its leader describes it.
struct NatsStreamFacts {
  std::uint64_t replicas = 1;
  std::vector<std::string> peers = {};  ///< names of the servers that keep it; empty: not known
};

struct NatsDurability {
  Durability level = Durability::kProcess;
  std::vector<std::string> warnings = {};
  std::optional<std::string> refusal = {};  ///< why the servers cannot be used
};

NatsDurability durability_of(const std::vector<NatsServerFacts>& servers, const NatsStreamFacts& stream);

}  // namespace millrace
