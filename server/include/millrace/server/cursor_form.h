// CursorForm: the form of a block that carries only the cursor, at the beginning and end of a stream and in heartbeats.
// docs/clients.md says which clients need which form.
#pragma once

#include <cstdint>

namespace millrace {

/// A form of the cursor when no event carries it.
enum class CursorForm : std::uint8_t {
  kId,     ///< a block with an ID and no data: by the standard, clients dispatch nothing
  kEvent,  ///< an event of type `millrace.cursor` with an ID and empty data, which clients do not pass to `onmessage`
  kNone,   ///< comments: a client resumes from the IDs of events, and before the first event from a response header
};

}  // namespace millrace
