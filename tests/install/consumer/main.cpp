// Uses the installed libraries as any program would: an event published to a server arrives at a client.

#include <millrace/client/event_source.h>
#include <millrace/server/server.h>

#include <iostream>
#include <string>
#include <thread>

int main() {
  millrace::Server server;
  server.events("/events");
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });

  server.hub().publish("install/test", {.data = "hello"}).or_throw();

  std::string received;
  millrace::EventSource source("http://127.0.0.1:" + std::to_string(port) +
                               "/events?topic=install/test&lastEventId=earliest");
  source.on_message([&](const millrace::MessageEvent& event) {
    received = event.data;
    source.close();
  });
  source.on_error([](const millrace::EventSourceError& error) { std::cerr << error.message << '\n'; });
  source.run();

  server.stop();
  serving.join();
  std::cout << "received: " << received << '\n';
  return received == "hello" ? 0 : 1;
}
