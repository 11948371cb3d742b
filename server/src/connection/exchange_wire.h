// ExchangeWire: the client's end of an exchange, as a worker reads the rest of a request from it and writes a response
// to it. Reading and writing never wait; the waiting is apart. One worker has it.
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

  /// Bytes read; 0: the client has ended; an errno, negated: -EAGAIN if nothing has come.
  virtual ssize_t read(char* data, std::size_t size) = 0;
  /// Bytes taken; an errno, negated, if the connection is broken. With no bytes it sends what is unsent.
  virtual ssize_t write(std::string_view bytes) = 0;
  /// Bytes have been taken that are not on their way to the client yet.
  virtual bool has_unsent() const = 0;

  /// False if nothing has come in this time.
  virtual bool wait_for_input(Duration timeout) = 0;
  /// False if there was no room for more in this time.
  virtual bool wait_for_room(Duration timeout) = 0;
  virtual bool has_client_left() const = 0;
};

}  // namespace millrace
