#include "postgres_event_log.h"

namespace millrace {

std::unique_ptr<PgWriter> PgSpeech::open_writer(const std::string& /*epoch*/, std::uint64_t head) {
  auto writer = std::make_unique<PgWriter>(options_, head);
  own_backend_ = writer->backend();
  return writer;
}

std::unique_ptr<PgConnection> PgSpeech::listen(const std::string& epoch) const {
  auto listener = std::make_unique<PgConnection>(options_.connection);
  listener->execute("LISTEN " + listener->quoted("millrace_" + epoch));
  return listener;
}

template class SharedEventLog<PgSpeech>;

}  // namespace millrace
