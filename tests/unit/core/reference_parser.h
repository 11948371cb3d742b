// ReferenceParser: the standard's algorithm, transcribed step by step. The oracle for tests and fuzzing.
//
// Slow and literal on purpose: it has the whole stream at once, decodes it to code points, cuts it into lines, and only
// then looks at fields. It shares no code with the core but the Transcript it writes.
#pragma once

#include <string>
#include <string_view>

#include "transcript.h"

namespace millrace::test {

class ReferenceParser {
 public:
  /// Starts with `last_event_id`, in valid UTF-8, as the event source's last event ID string.
  explicit ReferenceParser(std::string_view last_event_id = {});

  /// Reads one connection's stream, from its first byte to its end.
  Transcript read(std::string_view stream);

  /// In UTF-8.
  std::string last_event_id() const;

 private:
  void process_line(const std::u32string& line);
  void process_field(const std::u32string& name, const std::u32string& value);
  void dispatch();
  void forget_fields();

  std::u32string data_buffer_;
  std::u32string event_type_buffer_;
  std::u32string topic_buffer_;
  std::u32string trace_parent_buffer_;
  std::u32string trace_state_buffer_;
  std::u32string last_event_id_buffer_;
  std::u32string last_event_id_string_;
  Transcript transcript_;
};

}  // namespace millrace::test
