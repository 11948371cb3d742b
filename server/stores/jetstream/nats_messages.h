// Messages of the NATS library: making them, and reading JetStream's answers and acks in them.
#pragma once

#include <nats/nats.h>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "nats_connection.h"

namespace millrace {

inline constexpr const char* kUnreadableAnswer = "cannot read JetStream's answer";

/// Throws StoreUnavailable unless the status is NATS_OK; `doing` begins the sentence.
void check_nats(natsStatus status, const std::string& doing);

/// A message whose answer goes to the subject `reply`; the caller owns it. Throws StoreUnavailable.
natsMsg* new_message(const NatsMessage& message, const std::string& reply);

/// The number at the end of a subject, from `begin` on.
std::uint64_t number_after(std::string_view subject, std::size_t begin);

/// The JSON object in an answer. Throws StoreUnavailable if there is none.
nlohmann::json answer_in(const NatsSubscription::Message& message);

/// The ack in a message. Throws nlohmann::json::exception if its members are of other types.
NatsAck ack_in(const NatsSubscription::Message& message);

/// The ack of a message that was not stored, or about which nothing is known.
NatsAck refused(std::string_view trouble) noexcept;

}  // namespace millrace
