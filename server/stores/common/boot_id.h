// machine_boot_id(): tells one start of the machine from another.
#pragma once

#include <string>

namespace millrace {

/// Changes at every start of the machine, because a program that was only killed loses no commits.
std::string machine_boot_id();

}  // namespace millrace
