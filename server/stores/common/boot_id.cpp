#include "boot_id.h"

#include <fstream>

namespace millrace {

std::string machine_boot_id() {
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  return id.empty() ? "unknown" : id;
}

}  // namespace millrace
