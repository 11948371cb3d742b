// A server with answers in an SQLite file, to be killed: PATH PORT RATE WORDS. Prints its port when it listens. Each
// answer has WORDS events at RATE a second; event n says "<id> n". With NODE and TIMEOUT (ms) behind them, PATH is the
// URL of a JetStream that several servers share.

#include <millrace/server/answers.h>
#include <millrace/server/server.h>
#include <millrace/server/stores/jetstream.h>
#include <millrace/server/stores/sqlite.h>

#include <chrono>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Running {
  millrace::Answer answer;
  int sent = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5 && argc != 7) return 2;
  const bool is_shared = argc == 7;
  const int rate = std::stoi(argv[3]);
  const int words = std::stoi(argv[4]);
  millrace::Server server({.store = is_shared
                                        ? millrace::open_jetstream(argv[1])
                                        : millrace::open_sqlite(argv[1], {.sync = millrace::StoreSync::kNormal})});
  millrace::AnswersOptions options;
  if (is_shared) {
    options.node = argv[5];
    options.node_timeout = millrace::Duration{std::stoi(argv[6])};
  }
  millrace::Answers answers(server, options);
  std::mutex mutex;
  std::vector<Running> begun;
  server.Post("/answers", [&](const httplib::Request& request, httplib::Response& response) {
    auto answer = answers.begin(request, response);
    const std::lock_guard lock(mutex);
    if (answer) begun.push_back({std::move(answer)});
  });
  server.Get("/answers/([^/]+)", [&](const httplib::Request& request, httplib::Response& response) {
    answers.resume(request, response, request.matches[1].str());
  });
  std::thread([&] {
    std::vector<Running> running;
    while (true) {
      std::this_thread::sleep_for(std::chrono::microseconds(1'000'000 / rate));
      {
        const std::lock_guard lock(mutex);
        for (Running& one : begun) running.push_back(std::move(one));
        begun.clear();
      }
      std::erase_if(running, [&](Running& one) {
        ++one.sent;
        return !one.answer.send({.data = one.answer.id() + ' ' + std::to_string(one.sent)}) || one.sent == words;
      });
    }
  }).detach();
  if (!server.bind_to_port("127.0.0.1", std::stoi(argv[2]))) return 1;
  std::cout << argv[2] << std::endl;
  server.listen_after_bind();
  return 0;
}
