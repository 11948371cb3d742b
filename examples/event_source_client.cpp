// Listens to a topic and prints what comes; reconnects and resumes by itself. Ctrl-C ends it.

#include <millrace/client/event_source.h>

#include <iostream>

int main(int argc, char** argv) {
  millrace::EventSource source(argc > 1 ? argv[1] : "http://localhost:8080/events?topic=orders");
  source.on("created",
            [](const millrace::MessageEvent& event) { std::cout << "created: " << event.data << std::endl; });
  source.on_message([](const millrace::MessageEvent& event) { std::cout << event.data << std::endl; });
  source.on_error([](const millrace::EventSourceError& error) { std::cerr << error.message << std::endl; });
  source.run();
}
