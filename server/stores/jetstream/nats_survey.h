// Asks the nats-servers of an address what they are: their version, which each says to whoever connects, and how they
// sync, which their monitoring port says (`/varz`).
#pragma once

#include <cstdint>
#include <vector>

#include "nats_durability.h"
#include "store_address.h"

namespace millrace {

/// What each server of the address says, in the address's order; what it does not say in time is not known. A
/// `monitoring_port` of 0: that is not asked. Takes up to twice kStoreConnectTimeout a server. Throws nothing but
/// std::bad_alloc.
std::vector<NatsServerFacts> survey_nats(const StoreAddress& address, std::uint16_t monitoring_port);

}  // namespace millrace
