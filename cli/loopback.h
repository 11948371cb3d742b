// Loopback addresses.
#pragma once

#include <string>

namespace millrace::cli {

/// Whether all addresses of the host are loopback addresses. False if it cannot be found.
bool is_loopback(const std::string& host);

}  // namespace millrace::cli
