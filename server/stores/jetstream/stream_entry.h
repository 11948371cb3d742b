// StreamEntry: an entry of a log in JetStream, as its message has it, and the form of publishers' names in messages.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace millrace {

/// An entry in the form of the stream.
struct StreamEntry {
  std::uint64_t sequence = 0;
  std::string subject;
  std::string type;          // these are values of headers, still escaped
  std::string id;            //
  std::string publisher;     //
  std::string retry;         //
  std::string trace_parent;  // not escaped
  std::string trace_state;   //
  std::string data;

  /// From JetStream's answer to a request for a message. Throws StoreUnavailable if its Base64 is invalid.
  static StreamEntry of(const nlohmann::json& answer);
};

/// The form of a publisher_key() in subjects and headers, where it cannot be empty.
std::string publisher_token(const std::string& publisher);
/// The inverse. Events of older versions have no token: they count as every publisher's.
std::string publisher_of(const std::string& token);

}  // namespace millrace
