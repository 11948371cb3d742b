// StoreSync: whether a store on a local disk waits for it.
#pragma once

#include <cstdint>

namespace millrace {

/// Which acknowledged events a power cut may lose. The end of the program, even a crash, loses none.
enum class StoreSync : std::uint8_t {
  kFull,    ///< none: publishing waits for the disk (Durability::kDisk; on a tmpfs kProcess)
  kNormal,  ///< the most recent events; publishing is faster (Durability::kProcess)
};

}  // namespace millrace
