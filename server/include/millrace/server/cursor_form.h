// CursorForm: the form of a block that carries only the cursor: at the beginning of a stream, in heartbeats and at its
// end. docs/clients.md says which clients need which.
#pragma once

#include <cstdint>

namespace millrace {

/// A form of the cursor, where no event carries it.
enum class CursorForm : std::uint8_t {
  kId,     ///< a block with an ID and no data: by the standard nothing is dispatched
  kEvent,  ///< an event of type `millrace.cursor` with an ID and empty data, which `onmessage` never sees
  kNone,   ///< comments: a client resumes from the IDs of events, and before the first event from a response header
};

}  // namespace millrace
