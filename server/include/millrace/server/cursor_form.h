// CursorForm: how a subscriber's cursor comes to it where no event carries it: at the beginning of a stream, in
// heartbeats and at its end. docs/clients.md says which clients want which.
#pragma once

#include <cstdint>

namespace millrace {

enum class CursorForm : std::uint8_t {
  kId,     ///< a block with an ID and no data: nothing for a client of the standard's to dispatch
  kEvent,  ///< an event of type `millrace.cursor` with an ID and empty data, which `onmessage` never sees
  kNone,   ///< comments: a client resumes from the IDs of events, and before the first one from a response header
};

}  // namespace millrace
