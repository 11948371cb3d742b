// ExchangeWire: a worker reads the rest of a request from it and writes the response to it. read() and write() never
// wait; wait_for_input() and wait_for_room() do. One worker uses it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string_view>

#include "millrace/core/time.h"
#include "shares/download_gate.h"

namespace millrace {

class ExchangeWire : public DownloadGate::Client {
 public:
  virtual ~ExchangeWire() = default;

  /// Returns the bytes read; 0 if the client has ended its input; a negated errno, -EAGAIN if no bytes are there.
  virtual ssize_t read(char* data, std::size_t size) = 0;
  /// Returns the bytes taken; a negated errno if the connection is broken. An empty write sends unsent bytes.
  virtual ssize_t write(std::string_view bytes) = 0;
  /// Whether write() has taken bytes that are not sent yet.
  virtual bool has_unsent() const = 0;

  /// Returns false if no input arrives in this time.
  virtual bool wait_for_input(Duration timeout) = 0;
  /// Returns false if write() would take nothing more in this time.
  virtual bool wait_for_room(Duration timeout) = 0;
  virtual bool has_client_left() const = 0;
};

}  // namespace millrace
