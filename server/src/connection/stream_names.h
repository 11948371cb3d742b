// StreamNames: the open streams of a loop whose clients may change their topics, by the names that these gave them.
// Of several with one name it has the newest. The loop's thread.
#pragma once

#include <string>
#include <string_view>

#include "base/string_map.h"

namespace millrace {

class StreamSide;

class StreamNames {
 public:
  void add(std::string_view name, StreamSide& stream) { newest_.insert_or_assign(std::string(name), &stream); }
  void remove(std::string_view name, const StreamSide& stream) {
    const auto found = newest_.find(name);
    if (found != newest_.end() && found->second == &stream) newest_.erase(found);
  }
  /// Null if there is none.
  StreamSide* find(std::string_view name) const {
    const auto found = newest_.find(name);
    return found != newest_.end() ? found->second : nullptr;
  }

 private:
  StringMap<StreamSide*> newest_;
};

}  // namespace millrace
