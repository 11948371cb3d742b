// TransportWire: a connection's transport as the wire of its exchange.
#pragma once

#include "exchange_wire.h"
#include "transport.h"

namespace millrace {

class TransportWire final : public ExchangeWire {
 public:
  explicit TransportWire(Transport& transport) : transport_(transport) {}

  ssize_t read(char* data, std::size_t size) override { return transport_.read(data, size); }
  ssize_t write(std::string_view bytes) override { return transport_.write(bytes); }
  bool has_unsent() const override { return transport_.has_unsent(); }
  bool wait_for_input(Duration timeout) override;
  bool wait_for_room(Duration timeout) override;
  bool has_client_left() const override;
  void cut() override;

 private:
  Transport& transport_;
};

}  // namespace millrace
