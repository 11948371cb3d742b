// The files of a store: whatever bytes they have, the store opens or says why not, and has no entry that was not
// written. The input's first byte says which: even, the rest is a file after its head; odd, the rest are records, which
// get good digests.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "failure.h"
#include "faulty_disk.h"
#include "stores/file/log_format.h"
#include "stores/file/log_loader.h"

using namespace millrace;
using namespace millrace::test;

namespace {

const SipKey kKey{.first = 1, .second = 2};

void put(std::string& bytes, std::size_t at, std::uint64_t number, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(number >> (8 * i));
}

std::string head() {
  return LogHead{.first = 1, .boot = 1, .key = kKey, .epoch = "e"}.encode();
}

// A group of one record with these bytes behind its digest.
std::string group_of(const std::string& record) {
  std::string bytes = "Grp\n" + std::string(kGroupHeadBytes - 4, '\0') + std::string(8, '\0') + record;
  const SipKey of_record{.first = kKey.first ^ 1, .second = kKey.second};
  const std::uint64_t digest = SipHash<1, 3>::hash(of_record, std::string_view(bytes).substr(kGroupHeadBytes + 8));
  put(bytes, kGroupHeadBytes, digest, 8);
  put(bytes, 4, 1, 4);
  put(bytes, 8, bytes.size() - kGroupHeadBytes, 4);
  put(bytes, 16, 1, 8);
  put(bytes, 24, 1, 8);
  put(bytes, 40, digest, 8);
  put(bytes, 48, SipHash<1, 3>::hash(kKey, std::string_view(bytes).substr(0, kGroupHeadBytes - 8)), 8);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 1) return 0;
  const std::string input(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const bool is_file = bytes[0] % 2 == 0;
  FaultyDisk disk(1);
  disk.create(segment_name(1))->append(head() + (is_file ? input : group_of(input)));
  try {
    const LoadedLog log = load_log(disk);
    if (is_file && log.index.entries() != 0) stop("an entry with a forged digest");
    if (log.index.entries() > 1) stop("more entries than were written");
    if (log.last_bytes + log.torn_bytes != disk.open(segment_name(1))->size()) stop("bytes that nobody counts");
    const TopicFilter everything({TopicPattern("**")});
    if (log.index.read_after(0, log.index.head(), everything).locations.size() != log.index.entries()) {
      stop("an entry that no reader finds");
    }
  } catch (const StoreUnavailable&) {
    // It says why.
  }
  disk.create(segment_name(1))->append(input);
  try {
    load_log(disk);
  } catch (const StoreUnavailable&) {
  }
  return 0;
}
