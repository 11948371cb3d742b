// naming_store(): lets the sentence of a failure say which store it is about.
#pragma once

#include <string>

#include "millrace/server/publication.h"

namespace millrace {

/// Runs `work` and returns its result. A StoreUnavailable, or an `Error` of the store's own, is thrown on as a
/// StoreUnavailable that begins with the store's name. Other exceptions, such as those of a caller's function, pass.
template <typename Error, typename Work>
auto naming_store(const std::string& name, const Work& work) -> decltype(work()) {
  const auto named = [&](const char* sentence) { return StoreUnavailable('"' + name + "\": " + sentence); };
  try {
    return work();
  } catch (const StoreUnavailable& failure) {
    throw named(failure.what());
  } catch (const Error& failure) {
    throw named(failure.what());
  }
}

}  // namespace millrace
