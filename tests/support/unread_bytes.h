// What a server, on this machine, has not read yet of what its client has sent.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <string>

#include "raw_client.h"

namespace millrace::test {

/// As the system lists it: each end of a connection has a line, with both addresses.
inline std::size_t unread_bytes(const RawClient& client) {
  const auto listed = [&client](auto name_of) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    name_of(client.socket(), reinterpret_cast<sockaddr*>(&address), &size);
    std::array<char, 16> text;
    std::snprintf(text.data(), text.size(), "%08X:%04X", address.sin_addr.s_addr, ntohs(address.sin_port));
    return std::string(text.data());
  };
  const std::string servers_end = listed(getpeername) + ' ' + listed(getsockname);
  std::ifstream connections("/proc/net/tcp");
  for (std::string line; std::getline(connections, line);) {
    const std::size_t found = line.find(servers_end);
    if (found == std::string::npos) continue;
    // … ADDRESS ADDRESS STATE UNSENT:UNREAD …
    const std::size_t unread = line.find(':', found + servers_end.size()) + 1;
    return std::stoul(line.substr(unread, 8), nullptr, 16);
  }
  throw std::runtime_error("the connection is not listed");
}

}  // namespace millrace::test
