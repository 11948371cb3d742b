// GroupCommit: commits the publications of concurrent publishers together, for stores with transactions. Any thread.
//
//   void append(…) { commits_.append(publications, sequences, [&](const ContributionGroup& group) { write(group); }); }
//   void write(const ContributionGroup& group) noexcept;  // commits it, then accept() or refuse()
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "log/event_log.h"
#include "log/turns.h"
#include "millrace/server/event_store.h"
#include "store_trouble.h"

namespace millrace {

/// One publisher's publications, and their result.
struct Contribution {
  std::span<const Publication> publications;
  std::span<std::uint64_t> sequences;
  std::optional<std::string> refusal = {};               ///< by the bounds of retained events
  std::optional<std::string> conflict = {};              ///< IdConflict
  bool is_done = false;                                  ///< committed, and given to on_appended
  std::shared_ptr<const std::string> trouble = nullptr;  ///< why it failed, if memory allows the text
};

using ContributionGroup = std::vector<Contribution*>;

/// Tells the publishers of the group that their publications are committed.
inline void accept(const ContributionGroup& group) noexcept {
  for (Contribution* contribution : group) contribution->is_done = true;
}

/// Gives each publisher of the group the reason of the failure.
inline void refuse(const ContributionGroup& group, std::string_view why) noexcept {
  try {
    const auto trouble = std::make_shared<const std::string>(append_refusal(why));
    for (Contribution* contribution : group) contribution->trouble = trouble;
  } catch (const std::bad_alloc&) {
    // A contribution without a result counts as failed for lack of memory.
  }
}

class GroupCommit {
 public:
  /// Calls tell() of `trouble` after a failure. `trouble` must outlive it. A group has at most `most_entries`.
  explicit GroupCommit(StoreTrouble& trouble, std::size_t most_entries = kStoreGroupEntries)
      : trouble_(trouble), turns_(most_entries) {}

  /// Returns when the publications are committed. For each group, one of its publishers calls `write`, which throws
  /// nothing and gives each contribution its result. Throws RetentionRefused, IdConflict or StoreUnavailable.
  template <typename Write>
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences, const Write& write) {
    Contribution contribution{.publications = publications, .sequences = sequences};
    {
      auto place = turns_.join(contribution, publications.size(), data_bytes(publications));
      if (place.works()) {
        write(place.wait_for_turn());
      } else {
        place.wait_until_done();
      }
    }
    if (contribution.conflict) throw IdConflict(*contribution.conflict);
    if (contribution.refusal) throw RetentionRefused(*contribution.refusal);
    if (contribution.is_done) return;
    trouble_.tell();
    throw StoreUnavailable(contribution.trouble != nullptr ? *contribution.trouble : append_refusal(kOutOfMemory));
  }

  /// Does `work`, which throws nothing, between the groups. Throws std::bad_alloc, before the work.
  template <typename Work>
  void alone(const Work& work) {
    auto place = turns_.alone();
    place.wait_for_turn();
    work();
  }

 private:
  StoreTrouble& trouble_;
  Turns<Contribution> turns_;
};

}  // namespace millrace
