#include "nats_messages.h"

#include <algorithm>
#include <charconv>
#include <new>
#include <nlohmann/json.hpp>

#include "jetstream_limits.h"
#include "log/event_log.h"
#include "parse_json.h"

namespace millrace {

namespace {

using nlohmann::json;

std::string error_text(const json& error) {
  return "NATS: " + error.value("description", std::string("an error without a description"));
}

}  // namespace

void check_nats(natsStatus status, const std::string& doing) {
  if (status != NATS_OK) throw StoreUnavailable(doing + ": " + natsStatus_GetText(status));
}

natsMsg* new_message(const NatsMessage& message, const std::string& reply) {
  natsMsg* made = nullptr;
  check_nats(natsMsg_Create(&made, message.subject.c_str(), reply.c_str(), message.data.data(),
                            static_cast<int>(message.data.size())),
             "cannot create a message");
  for (const auto& [name, value] : message.headers) {
    const natsStatus status = natsMsgHeader_Set(made, name.c_str(), value.c_str());
    if (status == NATS_OK) continue;
    natsMsg_Destroy(made);
    check_nats(status, "cannot create a message");
  }
  return made;
}

NatsAck refused(std::string_view trouble) noexcept {
  NatsAck ack;
  try {
    ack.trouble = trouble;
  } catch (const std::bad_alloc&) {
    ack.trouble = kOutOfMemory;
  }
  return ack;
}

std::uint64_t number_after(std::string_view subject, std::size_t begin) {
  const std::string_view digits = subject.substr(std::min(subject.size(), begin));
  std::uint64_t number = UINT64_MAX;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

json answer_in(const NatsSubscription::Message& message) {
  const std::string_view data(natsMsg_GetData(message.get()),
                              static_cast<std::size_t>(natsMsg_GetDataLength(message.get())));
  json answer = parse_json(data, kMaxStoreAnswerBytes);
  if (!answer.is_object()) throw StoreUnavailable(kUnreadableAnswer);
  return answer;
}

NatsAck ack_in(const NatsSubscription::Message& message) {
  if (natsMsg_IsNoResponders(message.get())) return refused("the stream has no leader at the moment");
  const std::string_view data(natsMsg_GetData(message.get()),
                              static_cast<std::size_t>(natsMsg_GetDataLength(message.get())));
  const json answer = parse_json(data, kMaxStoreAnswerBytes);
  if (!answer.is_object()) return refused(kUnreadableAnswer);
  if (answer.contains("error")) return refused(error_text(answer["error"]));
  return {
      .sequence = answer.value("seq", std::uint64_t{0}), .duplicate = answer.value("duplicate", false), .trouble = {}};
}

}  // namespace millrace
