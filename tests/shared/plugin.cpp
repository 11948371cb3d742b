// An event goes from a server to a client, both in the shared object that this becomes.
#include <exception>
#include <iostream>
#include <string>
#include <thread>

#include "millrace/client/event_source.h"
#include "millrace/server/server.h"

namespace {

bool exchange() {
  millrace::Server server;
  server.events("/events");
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  server.hub().publish("plugin", {.data = "hello"}).or_throw();
  std::string received;
  millrace::EventSource source("http://127.0.0.1:" + std::to_string(port) +
                               "/events?topic=plugin&lastEventId=earliest");
  source.on_message([&](const millrace::MessageEvent& event) {
    received = event.data;
    source.close();
  });
  source.on_error([](const millrace::EventSourceError& error) { std::cerr << error.message << '\n'; });
  source.run();
  server.stop();
  serving.join();
  return received == "hello";
}

}  // namespace

extern "C" int millrace_plugin_run() {
  try {
    return exchange() ? 0 : 1;
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
