#include "command.h"

namespace millrace::cli {

Url events_url(const std::string& text) {
  try {
    Url url = Url::parse(text);
    const bool is_base = url.target == "/" || url.target.starts_with("/?");
    if (is_base) url.target.replace(0, 1, "/events");
    return url;
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
}

}  // namespace millrace::cli
