#include "tally.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

namespace millrace::load {

TallyBoard::TallyBoard(std::size_t processes) {
  void* const memory =
      ::mmap(nullptr, processes * sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "no memory for the results");
  auto* const first = static_cast<Tally*>(memory);
  for (std::size_t i = 0; i < processes; ++i) new (first + i) Tally;
  tallies_ = {first, processes};
}

TallyBoard::~TallyBoard() {
  ::munmap(tallies_.data(), tallies_.size_bytes());
}

bool TallyBoard::finished() const {
  return std::all_of(tallies_.begin(), tallies_.end(), [](const Tally& tally) { return tally.finished.load(); });
}

void TallyBoard::stop() const {
  for (Tally& tally : tallies_) tally.stop = true;
}

std::uint64_t TallyBoard::sum(std::atomic<std::uint64_t> Tally::*counter) const {
  std::uint64_t sum = 0;
  for (const Tally& tally : tallies_) sum += (tally.*counter).load(std::memory_order_relaxed);
  return sum;
}

}  // namespace millrace::load
