#include "millrace/server/publication.h"

namespace millrace {

const Published& Published::or_throw() const& {
  if (outcome == Outcome::kIdInUse) throw IdConflict(sentence);
  if (outcome == Outcome::kNotRetained) throw RetentionRefused(sentence);
  if (outcome == Outcome::kStoreUnavailable) throw StoreUnavailable(sentence);
  if (!*this) throw std::invalid_argument(sentence);
  return *this;
}

}  // namespace millrace
