#include "millrace/core/method.h"

namespace millrace {

bool is_idempotent(std::string_view method) {
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  for (const std::string_view idempotent : kMethods) {
    if (method == idempotent) return true;
  }
  return false;
}

}  // namespace millrace
