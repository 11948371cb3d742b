// Prints the data of the first event of a URL: what tests/ports/try.sh runs on another system.
#include <millrace/client/event_source.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  millrace::EventSource source(argv[1]);
  source.on_message([&](const millrace::MessageEvent& event) {
    std::cout << event.data << '\n';
    source.close();
  });
  source.on_error([](const millrace::EventSourceError& error) { std::cerr << error.message << '\n'; });
  source.run();
}
